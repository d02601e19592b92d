import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { auditPage } from '../../server/audit/audit.ts'
import { Invalid } from '../../server/errors.ts'
import { joinCodeState, joinCodes, makeJoinCode, removeJoinCode } from '../../server/mode/join-codes.ts'
import { joinMaster } from '../../server/replication/join.ts'
import { caughtUp, startMaster, startNode, type TestNode } from '../support/node.ts'
import { me } from '../support/people.ts'
import { signedIn, textOf } from '../support/web.ts'

describe('a code with which one slave joins once', () => {
  let master: TestNode
  const slaves: TestNode[] = []
  before(async () => {
    master = await startMaster()
  })
  after(async () => {
    for (const slave of slaves) await slave.close()
    await master?.close()
  })

  async function join(code: string, name: string): Promise<TestNode> {
    const node = await startNode()
    slaves.push(node)
    await joinMaster(node.db, me, { master: `127.0.0.1:${master.ports().sync}`, key: code, name })
    return node
  }
  const refused = (words: RegExp) => (error: unknown) => error instanceof Invalid && words.test(error.message)

  test('joins the device that it names, and nobody a second time', async () => {
    const { code, command } = await makeJoinCode(master.db, me, 'gw-malmo')
    assert.match(code, /^asj1-/)
    assert.equal(command, 'account-sync setup --mode slave --master master.example.lan --name gw-malmo')
    await caughtUp(await join(code, 'gw-malmo'), master)
    assert.equal((await joinCodeState(master.db, 'gw-malmo'))?.is, 'used')
    await assert.rejects(join(code, 'gw-malmo'), refused(/used already/))
    const [row] = (await auditPage(master.db, { kind: 'device' })).rows
    assert.deepEqual(row?.changes.find(({ field }) => field === 'with')?.after, 'join code')
  })

  test('joins no device of another name', async () => {
    const { code } = await makeJoinCode(master.db, me, 'gw-lagos')
    await assert.rejects(join(code, 'gw-other'), refused(/for gw-lagos, and for no other name/))
    await caughtUp(await join(code, 'gw-lagos'), master)
  })

  test('of two who come with one code at the same time, one joins', async () => {
    const { code } = await makeJoinCode(master.db, me, 'gw-twin')
    const ends = await Promise.allSettled([join(code, 'gw-twin'), join(code, 'gw-twin')])
    assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })

  test('one that has ended, was taken back or has a successor joins nobody', async () => {
    const ended = await makeJoinCode(master.db, me, 'gw-late')
    await master.db.writer('join_codes').where({ name: 'gw-late' }).update({ until: '2020-01-01T00:00:00.000Z' })
    await assert.rejects(join(ended.code, 'gw-late'), refused(/has ended/))
    const first = await makeJoinCode(master.db, me, 'gw-twice')
    await makeJoinCode(master.db, me, 'gw-twice')
    await assert.rejects(join(first.code, 'gw-twice'), refused(/not accepted/))
    const second = await makeJoinCode(master.db, me, 'gw-back')
    await removeJoinCode(master.db, me, 'gw-back')
    await assert.rejects(join(second.code, 'gw-back'), refused(/not accepted/))
  })

  test('a mistyped code is found before anything is sent', async () => {
    const { code } = await makeJoinCode(master.db, me, 'gw-typo')
    const wrong = code.slice(0, 7) + (code[7] === '0' ? '1' : '0') + code.slice(8)
    await assert.rejects(join(wrong, 'gw-typo'), refused(/join code is mistyped.*Nothing was sent/))
    assert.equal((await joinCodeState(master.db, 'gw-typo'))?.is, 'open')
  })

  test('neither store nor record holds the code', async () => {
    const { code, name } = await makeJoinCode(master.db, me, 'gw-secret')
    const rows = JSON.stringify([await master.db.reader('join_codes'), await master.db.reader('audit')])
    const letters = code.replaceAll('-', '')
    assert.ok(!rows.includes(code) && !rows.includes(letters))
    assert.ok((await joinCodes(master.db)).some((one) => one.name === name))
    assert.ok(!JSON.stringify(await joinCodes(master.db)).includes(code))
  })

  test('the pages make one, show it once with the command, and watch the slave come', async () => {
    const admin = await signedIn(`http://127.0.0.1:${master.ports().web}`)
    assert.equal((await admin.post('/devices/join', { name: 'Bad Name!' })).status, 422)
    const made = await admin.post('/devices/join', { name: 'gw-web' })
    const [code = ''] = /asj1-[0-9a-z-]+/.exec(made.text) ?? []
    assert.match(made.text, /<svg/)
    assert.match(textOf(made.text), /--mode slave --master master\.example\.lan:\d+ --name gw-web/)
    const waiting = await admin.part('/devices/join/gw-web')
    assert.match(textOf(waiting.text), /Waiting for gw-web/)
    assert.doesNotMatch(waiting.text, /asj1-/)
    await caughtUp(await join(code, 'gw-web'), master)
    assert.match(textOf((await admin.part('/devices/join/gw-web')).text), /Joined gw-web is equal|Joining/)
  })
})
