import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { acceptInvitation, invitedBy, inviteUser, removeInvitation } from '../../server/accounts/invitations.ts'
import { changeSettings } from '../../server/accounts/settings.ts'
import { signIn, stateOf } from '../../server/accounts/sign-in.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { removeUser, setPassword } from '../../server/accounts/users.ts'
import type { Actor } from '../../server/audit/actor.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { Invalid, Refused } from '../../server/errors.ts'
import { objectById } from '../../server/store/objects.ts'
import { commit } from '../../server/store/write.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
before(async () => {
  store = await aMasterStore()
})
after(() => store.close())

const chosen = 'green-harbour-lamp'
const dead = (secret: string, why: RegExp) =>
  assert.rejects(acceptInvitation(store.db, secret, chosen), (error: Error) => {
    assert.equal(error instanceof Refused, true, String(error))
    assert.match(error.message, why)
    return true
  })

test('a link sets a password once; only its hash is kept, and the record never holds the secret', async () => {
  const user = await aUser(store.db, { username: 'invited1', first: 'Freja', last: 'Nyström' })
  const { secret, path, until } = await inviteUser(store.db, me, user.id)
  assert.equal(path, `/welcome/${secret}`)
  assert.equal(Math.round((Date.parse(until) - Date.now()) / 3_600_000), 72)
  assert.equal((await invitedBy(store.db, secret)).body.username, 'invited1')
  const object = await objectById(store.db.reader, 'user', user.id)
  assert.doesNotMatch(JSON.stringify(object), new RegExp(secret.slice(22)))
  await acceptInvitation(store.db, secret, chosen, { address: '192.0.2.7' })
  const signedIn = await signIn(store.db, 'invited1', chosen)
  assert.equal(signedIn.mustSetPassword, undefined)
  assert.equal(signedIn.invitedUntil, undefined)
  await dead(secret, /used already/)
  const { rows } = await auditPage(store.db, { object: user.id })
  assert.match(rows[0]?.sentence ?? '', /with a first-password link/)
  assert.equal(rows[0]?.actor, 'invited1')
  assert.equal(rows[0]?.address, '192.0.2.7')
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(secret.slice(22)))
})

test('a newer link, one that was taken back, one whose time is over, and one of a removed person open nothing', async () => {
  const user = await aUser(store.db)
  const first = await inviteUser(store.db, me, user.id)
  const second = await inviteUser(store.db, me, user.id)
  await dead(first.secret, /newer one has taken its place/)
  await removeInvitation(store.db, me, user.id)
  await dead(second.secret, /used already/)
  const third = await inviteUser(store.db, me, user.id)
  await commit(store.db, me, async ({ trx, put }) => {
    const object = await objectById(trx, 'user', user.id)
    if (object?.body.invitation)
      await put('user', user.id, {
        ...object.body,
        invitation: { ...object.body.invitation, until: new Date(Date.now() - 1000).toISOString() },
      })
  })
  await dead(third.secret, /time of this link is over/)
  const fourth = await inviteUser(store.db, me, user.id)
  await removeUser(store.db, me, user.id)
  await dead(fourth.secret, /used already/)
  for (const made of ['', 'x', 'A'.repeat(54), `${fourth.secret}A`, '../../etc/passwd'])
    await dead(made, /used already/)
})

test('a password set by somebody else makes the link worthless', async () => {
  const user = await aUser(store.db)
  const { secret } = await inviteUser(store.db, me, user.id)
  await setPassword(store.db, me, user.id, chosen)
  await dead(secret, /used already/)
})

test('of two who use a link at once, one gets through', async () => {
  const user = await aUser(store.db, { username: 'raced1' })
  const { secret } = await inviteUser(store.db, me, user.id)
  const typed = ['green-harbour-lamp', 'brown-harbour-lamp', 'white-harbour-lamp']
  const tries = await Promise.allSettled(typed.map((one) => acceptInvitation(store.db, secret, one)))
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('the policy holds for a link, and a weak password leaves it open', async () => {
  const user = await aUser(store.db)
  const { secret } = await inviteUser(store.db, me, user.id)
  await assert.rejects(acceptInvitation(store.db, secret, 'password123'), Invalid)
  await acceptInvitation(store.db, secret, chosen)
})

test('a link opens after wrong passwords have locked the account, and not when it is disabled', async () => {
  const user = await aUser(store.db, { username: 'guessed1', password })
  for (let i = 0; i < 10; i++) await signIn(store.db, 'guessed1', `wrong ${i}`).catch(() => {})
  const locked = await objectById(store.db.reader, 'user', user.id)
  assert.equal(locked && stateOf(locked.body), 'locked')
  const { secret } = await inviteUser(store.db, me, user.id)
  await acceptInvitation(store.db, secret, chosen)
  await signIn(store.db, 'guessed1', chosen)
  const next = await inviteUser(store.db, me, user.id)
  await setStatus(store.db, me, user.id, 'disabled')
  await dead(next.secret, /Account is disabled/)
  await assert.rejects(inviteUser(store.db, me, user.id), Refused)
})

test('the hours of a link are a setting, and a help desk makes links for persons only', async () => {
  await changeSettings(store.db, me, { invitationHours: 5 })
  const user = await aUser(store.db)
  const boss = await aUser(store.db, { role: 'administrator' })
  const desk: Actor = { name: 'desk', via: 'web', id: 'x', role: 'helpdesk' }
  const { until } = await inviteUser(store.db, desk, user.id)
  assert.equal(Math.round((Date.parse(until) - Date.now()) / 3_600_000), 5)
  await assert.rejects(inviteUser(store.db, desk, boss.id), Refused)
  await assert.rejects(inviteUser(store.db, { ...desk, role: 'auditor' }, user.id), Refused)
})
