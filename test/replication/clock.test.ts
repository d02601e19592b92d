import assert from 'node:assert/strict'
import { after, before, describe, mock, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { signIn } from '../../server/accounts/sign-in.ts'
import { deviceStatuses } from '../../server/replication/status.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, password } from '../support/people.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { signedIn } from '../support/web.ts'

const daysMs = 86_400_000
const real = Date.now

describe('I10: a clock that is turned back', () => {
  let master: TestNode
  let slave: TestNode
  let line: Relay
  before(async () => {
    master = await startMaster()
    line = await openRelay(master.ports().sync ?? 0)
    for (const username of ['anna', 'bruno'])
      await aUser(master.db, { username, password, role: 'helpdesk', mustChange: false })
    slave = await startSlave(master, 'gw-malmo', line.port)
    await caughtUp(slave, master)
  })
  after(async () => {
    mock.restoreAll()
    await slave?.close()
    await line?.close()
    await master?.close()
  })

  const pages = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`
  const turnTo = (offset: number) => {
    mock.restoreAll()
    if (offset !== 0) mock.method(Date, 'now', () => real() + offset)
  }

  test('makes no session last longer', async () => {
    const browser = await signedIn(pages(slave), 'anna')
    assert.equal((await browser.get('/users')).status, 200)
    turnTo(-3 * daysMs)
    assert.equal((await browser.get('/users')).status, 303)
    turnTo(0)
  })

  test('makes no lock last longer, and wrong passwords of a time to come do not count', async () => {
    const wrong = async (times: number) => {
      for (let time = 0; time < times; time++)
        await signIn(slave.db, 'bruno', `wrong-${Math.random()}`).catch((error: Error) => error)
    }
    line.shut(true)
    turnTo(30 * daysMs)
    await wrong(9)
    turnTo(0)
    await wrong(1)
    assert.equal((await signIn(slave.db, 'bruno', password)).username, 'bruno')
    turnTo(30 * daysMs)
    await wrong(10)
    turnTo(0)
    await assert.rejects(signIn(slave.db, 'bruno', password), /Wait 15 minutes/)
    line.shut(false)
  })

  test('keeps nobody from having the master change something', async () => {
    const browser = await signedIn(pages(slave), 'anna')
    const lock = (status: string) => browser.post('/users/anna/status', { status, authority: password })
    await until(async () => (await lock('enabled')).status !== 503, 15_000)
    line.shut(true)
    assert.equal((await lock('enabled')).status, 503)
    line.shut(false)
    turnTo(-60_000)
    await wait(2500)
    await until(async () => (await lock('enabled')).status !== 503, 8000)
    turnTo(0)
  })

  test('makes no device that is away look as if it were there', async () => {
    const device = async () => (await deviceStatuses(master.db))[0]
    mock.timers.enable({ apis: ['Date'], now: real() + daysMs })
    await aUser(master.db)
    await caughtUp(slave, master)
    await until(async () => (await device())?.state === 'equal')
    await slave.stop()
    mock.timers.reset()
    assert.equal((await device())?.state, 'away')
  })
})
