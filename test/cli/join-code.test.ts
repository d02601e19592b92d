import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { deviceStatuses } from '../../server/replication/status.ts'
import { startMaster, type TestNode, until } from '../support/node.ts'
import { aUser, password } from '../support/people.ts'
import { aFolder } from '../support/store.ts'
import { run } from './run.ts'

let master: TestNode
before(async () => {
  master = await startMaster()
  await aUser(master.db, { username: 'anna', password })
})
after(() => master.close())

const setup = (name: string, ...more: string[]): string[] => [
  'setup',
  '--mode',
  'slave',
  '--master',
  `127.0.0.1:${master.ports().sync}`,
  '--name',
  name,
  ...more,
]

test('a join code alone on its line goes from one command to the other, and never into an argument', async () => {
  const made = await run(master.dir, ['join-code', 'gw-malmo'])
  assert.equal(made.code, 0, made.err)
  assert.match(made.out, /^asj1-[0-9a-z-]+\n$/)
  assert.match(made.err, /account-sync setup --mode slave --master master\.example\.lan --name gw-malmo/)
  const data = aFolder('slave')
  const joined = await run(data, setup('gw-malmo'), made.out)
  assert.equal(joined.code, 0, joined.err)
  assert.match(joined.out, /This node is a slave, equal to the master/)
  const again = await run(aFolder('slave'), setup('gw-malmo'), made.out)
  assert.equal(again.code, 1)
  assert.match(again.err, /used already/)
})

test('from a file, and a device is scoped, and cut off when it is stolen', async () => {
  const made = await run(master.dir, ['join-code', 'gw-lagos', '--json'])
  const { code } = JSON.parse(made.out)
  const file = join(aFolder('code'), 'code')
  writeFileSync(file, `${code}\n`, { mode: 0o600 })
  const data = aFolder('slave')
  const joined = await run(data, setup('gw-lagos', '--code-file', file))
  assert.equal(joined.code, 0, joined.err)
  const named = async () => (await deviceStatuses(master.db)).find(({ name }) => name === 'gw-lagos')
  const id = (await named())?.deviceId ?? ''
  const scoped = await run(master.dir, ['device', 'scope', id, '--groups', 'allusers', '--no-nt-hashes'])
  assert.equal(scoped.code, 0, scoped.err)
  assert.deepEqual((await named())?.scope?.without, ['nt-hash'])
  const refused = await run(master.dir, ['device', 'scope', id, '--groups', 'nowhere'])
  assert.match(refused.err, /There is no group “nowhere”/)
  const stolen = await run(master.dir, ['device', 'stolen', id, '--yes'])
  assert.equal(stolen.code, 0, stolen.err)
  await until(async () => (await named())?.state === 'revoked')
})
