import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startMaster, until } from '../support/node.ts'

test('a node ends at once although somebody has only begun to connect', async () => {
  const master = await startMaster()
  const caller = connect(master.ports().sync ?? 0, '127.0.0.1')
  caller.on('error', () => {})
  await once(caller, 'connect')
  // The beginning of a handshake, whose rest never comes.
  caller.write(Buffer.from('160301020001', 'hex'))
  let isOver = false
  const stopping = master.stop().then(() => {
    isOver = true
  })
  await until(
    () => isOver,
    5000,
    () => 'the node does not end',
  )
  await stopping
  caller.destroy()
  await master.close()
})
