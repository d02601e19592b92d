import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import type { User } from '../../server/accounts/user.ts'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { setScope } from '../../server/replication/devices.ts'
import { onChanges } from '../../server/store/db.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { aBrowser, type Browser, signedIn, textOf } from '../support/web.ts'

const chosen = 'quite-another-one-9'

describe('first-password links at a slave', () => {
  let master: TestNode
  let slave: TestNode
  let line: Relay
  let someone: User
  let hedda: Browser
  before(async () => {
    master = await startMaster()
    line = await openRelay(master.ports().sync ?? 0)
    await aUser(master.db, { username: 'hedda', password, role: 'helpdesk', mustChange: false })
    await aUser(master.db, { username: 'boss', role: 'administrator' })
    slave = await startSlave(master, 'gw-malmo', line.port)
  })
  beforeEach(async () => {
    someone = await aUser(master.db, { first: 'Freja', last: 'Ek' })
    await caughtUp(slave, master)
    hedda = await signedIn(pages(slave), 'hedda')
  })
  after(async () => {
    await slave?.close()
    await line?.close()
    await master?.close()
  })

  const pages = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`
  const ways = (user: User) => `/users/${user.username}/password`
  const linkIn = (html: string) => /id="link-once">([^<]+)</.exec(html)?.[1] ?? ''
  const make = async (typed = password) => hedda.post(`${ways(someone)}/invite`, { authority: typed })
  const rows = async () => (await auditPage(master.db, { object: someone.id })).rows
  const made = async () => (await rows()).filter(({ sentence }) => sentence.startsWith('Made a first-password link'))
  const maySignIn = async (node: TestNode, typed: string) =>
    (await aBrowser(pages(node)).post('/login', { username: someone.username, password: typed })).status === 303

  /** Cuts the line when the master has done it and not yet answered. */
  function breakAnswer({ forGood = false } = {}): void {
    const stop = onChanges(master.db, () => {
      stop()
      line.shut(true)
      line.shut(forGood)
    })
  }

  test('the help desk makes one there, and the person sets the password there', async () => {
    assert.match((await hedda.get(ways(someone))).text, /action="[^"]*\/invite".*id="f-invite-authority"/s)
    const answer = await make()
    assert.equal(answer.status, 200)
    const link = linkIn(answer.text)
    assert.ok(link.startsWith(`${pages(slave)}/welcome/`), link)
    assert.match(textOf(answer.text), /It opens once, until/)
    assert.doesNotMatch((await hedda.get(ways(someone))).text, /link-once/)
    const [row] = await made()
    assert.equal(row?.actor, 'hedda')
    assert.match(row?.address ?? '', /at gw-malmo$/)

    const path = new URL(link).pathname
    const person = aBrowser(pages(slave))
    assert.match(textOf((await person.get(path)).text), /Welcome, Freja Ek .* master\.example\.lan sets it/)
    const unlike = await person.post(path, { password: chosen, password2: 'other' })
    assert.match(textOf(unlike.text), /The two passwords are not the same/)
    const weak = await person.post(path, { password: 'short', password2: 'short' })
    assert.equal(weak.status, 422)
    assert.match(textOf(weak.text), /at least 8|At least 8/)
    const set = await person.post(path, { password: chosen, password2: chosen })
    assert.deepEqual([set.status, set.headers.location], [303, '/login'])
    assert.equal(await maySignIn(slave, chosen), true)
    assert.equal(await maySignIn(master, chosen), true)
    const used = (await rows()).find(({ sentence }) => sentence.includes('with a first-password link'))
    assert.equal(used?.actor, someone.username)
    assert.match(used?.address ?? '', /at gw-malmo$/)
    assert.equal((await person.get(path)).status, 410)
    assert.equal((await person.post(path, { password: chosen, password2: chosen })).status, 410)
  })

  test('its secret stands in no record and no object, at neither node', async () => {
    const secret =
      linkIn((await make()).text)
        .split('/')
        .at(-1) ?? ''
    assert.equal(secret.length, 54)
    for (const { db } of [master, slave]) {
      const kept = [
        await db.reader('audit'),
        await db.reader('objects').where({ id: someone.id }),
        await db.reader('requests'),
      ]
      assert.doesNotMatch(JSON.stringify(kept), new RegExp(secret.slice(22)))
    }
  })

  test('a newer one takes its place, and it is taken back there', async () => {
    const first = new URL(linkIn((await make()).text)).pathname
    const second = new URL(linkIn((await make()).text)).pathname
    const person = aBrowser(pages(slave))
    assert.equal((await person.get(first)).status, 410)
    assert.equal((await person.get(second)).status, 200)
    const asked = await hedda.post(`${ways(someone)}/take-back`)
    assert.match(textOf(asked.text), /Take the link of Freja Ek back\? .* Your own password/)
    assert.doesNotMatch(textOf(asked.text), /Type your own password/)
    const wrong = await hedda.post(`${ways(someone)}/take-back`, { authority: 'wrong-one-1' })
    assert.match(textOf(wrong.text), /This is not your password/)
    assert.equal((await person.get(second)).status, 200)
    assert.equal((await hedda.post(`${ways(someone)}/take-back`, { authority: password })).status, 303)
    assert.equal((await person.get(second)).status, 410)
    assert.equal((await userByUsername(master.db, someone.username)).invitedUntil, undefined)
  })

  test('it takes the own password, and the rights that one has at the master', async () => {
    const empty = await make('')
    assert.equal(empty.status, 422)
    assert.match(textOf(empty.text), /Type your own password: master\.example\.lan goes by it/)
    assert.match((await make('wrong-one-1')).text, /href="#f-invite-authority"/)
    assert.equal((await hedda.post('/users/boss/password/invite', { authority: password })).status, 403)
    // The slave does not know yet that its help desk is none any more.
    const { id } = await userByUsername(master.db, 'hedda')
    line.shut(true)
    await changeUser(master.db, me, id, { role: 'person' })
    assert.equal((await userByUsername(slave.db, 'hedda')).role, 'helpdesk')
    line.shut(false)
    assert.equal((await make()).status, 403)
    assert.equal((await made()).length, 0)
    await changeUser(master.db, me, id, { role: 'helpdesk' })
  })

  test('asked again after a broken answer it is one link, which opens', async () => {
    breakAnswer()
    const answer = await make()
    assert.equal(answer.status, 200, textOf(answer.text))
    assert.equal((await made()).length, 1)
    assert.equal((await aBrowser(pages(slave)).get(new URL(linkIn(answer.text)).pathname)).status, 200)
  })

  test('a link is used once, also when the answer to that was broken', async () => {
    const path = new URL(linkIn((await make()).text)).pathname
    breakAnswer()
    const set = await aBrowser(pages(slave)).post(path, { password: chosen, password2: chosen })
    assert.equal(set.status, 303, textOf(set.text))
    assert.equal(await maySignIn(slave, chosen), true)
  })

  test('when the answer is lost for good the page says so, and that a new one can be made', async () => {
    breakAnswer({ forGood: true })
    const lost = await make()
    line.shut(false)
    assert.equal(lost.status, 503)
    assert.match(textOf(lost.text), /may have done it or not.* If a link was made, nobody has it: make a new one/)
    let again = lost
    await until(async () => {
      again = await make()
      return again.status === 200
    }, 10_000)
    assert.equal((await made()).length, 2)
    assert.equal((await aBrowser(pages(slave)).get(new URL(linkIn(again.text)).pathname)).status, 200)
  })

  test('where secrets of the person do not travel, it is shown with the address of the master', async () => {
    const { id } = await addGroup(master.db, me, { name: 'malmo', description: 'Malmö' })
    await addMembers(master.db, me, id, { usernames: ['hedda'] })
    await setScope(master.db, me, slave.db.local.deviceId, { groups: ['malmo'] })
    await until(() => slave.db.position.seq === master.db.position.seq, 10_000)
    const answer = await make()
    assert.equal(answer.status, 200, textOf(answer.text))
    assert.match(textOf(answer.text), /at master\.example\.lan, as this node does not hold it/)
    const { origin, pathname } = new URL(linkIn(answer.text))
    assert.notEqual(origin, pages(slave))
    assert.equal((await aBrowser(pages(master)).get(pathname)).status, 200)
    await setScope(master.db, me, slave.db.local.deviceId, {})
    await caughtUp(slave, master)
  })

  test('with the master away it is refused at once, and an open link opens afterwards', async () => {
    const path = new URL(linkIn((await make()).text)).pathname
    line.shut(true)
    for (const answer of [
      await make(),
      await hedda.post(`${ways(someone)}/take-back`, { authority: password }),
      await aBrowser(pages(slave)).post(path, { password: chosen, password2: chosen }),
    ]) {
      assert.equal(answer.status, 503)
      assert.match(textOf(answer.text), /Not changed: the master cannot be reached|may have done it or not/)
    }
    line.shut(false)
    const person = aBrowser(pages(slave))
    await until(async () => (await person.post(path, { password: chosen, password2: chosen })).status === 303, 10_000)
    assert.equal(await maySignIn(master, chosen), true)
    assert.equal((await made()).length, 1)
  })
})
