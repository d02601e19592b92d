import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, removeGroup } from '../../server/accounts/groups.ts'
import { importDone, startImport } from '../../server/accounts/import.ts'
import { isPassword } from '../../server/accounts/passwords.ts'
import { generatedPassword, inForce, policies, policyOf } from '../../server/accounts/policies.ts'
import { changePolicy, removePolicy } from '../../server/accounts/policy-changes.ts'
import { passwordAge, signIn } from '../../server/accounts/sign-in.ts'
import { defaultPolicy, rules, strictest } from '../../server/accounts/strictest.ts'
import { addUser, setPassword } from '../../server/accounts/users.ts'
import type { Actor } from '../../server/audit/actor.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { Invalid, Refused } from '../../server/errors.ts'
import type { UserBody } from '../../server/store/bodies.ts'
import { objectById } from '../../server/store/objects.ts'
import { commit } from '../../server/store/write.ts'
import { aUser, me, password, somebody } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
before(async () => {
  store = await aMasterStore()
})
after(() => store.close())

const bodyOf = async (id: string): Promise<UserBody> => {
  const object = await objectById(store.db.reader, 'user', id)
  assert.ok(object, 'the person is there')
  return object.body
}

const change = (id: string, values: Partial<UserBody>): Promise<void> =>
  commit(store.db, me, async ({ trx, put }) => {
    const object = await objectById(trx, 'user', id)
    if (object) await put('user', id, { ...object.body, ...values })
  })

const refusal = async (attempt: Promise<unknown>): Promise<string> => {
  try {
    await attempt
  } catch (error) {
    return error instanceof Invalid ? Object.values(error.problems).join(' ') : String(error)
  }
  return 'accepted'
}

const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString()

test('of two policies the stricter value of each rule holds, whichever comes first', () => {
  const lax = { ...defaultPolicy, mustChange: false, maxAgeDays: 0, lockAfter: 0, lockMinutes: 30, graceDays: 14 }
  const strict = {
    ...defaultPolicy,
    minLength: 14,
    minStrength: 4,
    history: 12,
    minAgeDays: 1,
    maxAgeDays: 90,
    graceDays: 3,
    lockAfter: 5,
    lockWindowMinutes: 60,
    lockMinutes: 0,
    mustChange: true,
  }
  for (const [first, second] of [
    [lax, strict],
    [strict, lax],
  ] as const) {
    const { policy, from } = strictest({ name: 'a', policy: first }, [{ name: 'b', policy: second }])
    for (const rule of rules) {
      assert.equal(policy[rule], strict[rule], rule)
      assert.equal(from[rule], second === strict && lax[rule] !== strict[rule] ? 'b' : 'a', rule)
    }
  }
})

test('the policy of a group holds for its members, through groups in it, and no longer when it is in the bin', async () => {
  const outer = await addGroup(store.db, me, { name: 'finance', description: '' })
  const inner = await addGroup(store.db, me, { name: 'payroll', description: '' })
  await addMembers(store.db, me, outer.id, { groups: ['payroll'] })
  const user = await aUser(store.db, { username: 'nested1', groups: ['payroll'] })
  await changePolicy(store.db, me, { minLength: '16', lockAfter: '5' }, 'finance')
  assert.equal((await policyOf(store.db, user)).minLength, 16)
  const { from } = inForce(await policies(store.db), user)
  assert.equal(from.minLength, 'finance')
  assert.equal(from.history, '')
  const other = await aUser(store.db)
  assert.equal((await policyOf(store.db, other)).minLength, 8)
  assert.match(
    await refusal(setPassword(store.db, me, user.id, 'quite-long-but')),
    /at least 16 characters; this one has 14/,
  )
  await removeGroup(store.db, me, inner.id)
  assert.equal((await policyOf(store.db, user)).minLength, 8)
  await removePolicy(store.db, me, 'finance')
  assert.deepEqual((await policies(store.db)).ofGroups, [])
})

test('a password that is easy to guess, holds a name or a refused word is told so, and what would be enough', async () => {
  const user = await aUser(store.db, { username: 'fnystrom', first: 'Freja', last: 'Nyström' })
  assert.match(
    await refusal(setPassword(store.db, me, user.id, 'password123')),
    /too easy to guess.*commonly used.*Three or four words/,
  )
  assert.match(await refusal(setPassword(store.db, me, user.id, 'fnystrom1')), /too easy to guess/)
  assert.match(await refusal(setPassword(store.db, me, user.id, 'fnystrom')), /must not be the username/)
  await changePolicy(store.db, me, { blocklist: 'Contoso\nnordkap contoso' })
  assert.deepEqual((await policies(store.db)).first.policy.blocklist, ['contoso', 'nordkap'])
  assert.match(await refusal(setPassword(store.db, me, user.id, 'green-NordKap-harbour')), /word “nordkap”/)
  await changePolicy(store.db, me, { blocklist: '' })
  assert.equal(await refusal(setPassword(store.db, me, user.id, 'green-NordKap-harbour')), 'accepted')
})

test('words that a group refuses are refused to its members, beside those that everyone’s policy refuses', async () => {
  await addGroup(store.db, me, { name: 'harbour_crew', description: '' })
  await changePolicy(store.db, me, { blocklist: 'contoso' })
  await changePolicy(store.db, me, { blocklist: 'ferry, pilot' }, 'harbour_crew')
  const member = await aUser(store.db, { groups: ['harbour_crew'] })
  const other = await aUser(store.db)
  const sentence = async (user: { id: string }, typed: string) => refusal(setPassword(store.db, me, user.id, typed))
  assert.match(await sentence(member, 'green-Ferry-lamp-7'), /word “ferry”/)
  assert.match(await sentence(member, 'green-contoso-lamp-7'), /word “contoso”/)
  assert.equal(await sentence(other, 'green-Ferry-lamp-7'), 'accepted')
  const { ofGroups } = await policies(store.db)
  assert.deepEqual(ofGroups.find(({ name }) => name === 'harbour_crew')?.policy.blocklist, ['ferry', 'pilot'])
  await changePolicy(store.db, me, { blocklist: '' })
  await removePolicy(store.db, me, 'harbour_crew')
})

test('a password that is made is as long as the policy wants, and without a refused word', () => {
  for (const minLength of [8, 23, 24, 40, 128]) {
    const made = generatedPassword({ ...defaultPolicy, minLength })
    assert.equal(made.length >= Math.max(minLength, 23), true, `${made.length} of ${minLength}`)
    assert.match(made, /^[a-z2-9]{5}(-[a-z2-9]{5}){3,}$/)
  }
  const words = [...'abcdefgh'].flatMap((a) => [...'abcdefgh'].map((b) => `${a}${b}`))
  for (let nth = 0; nth < 20; nth++) {
    const made = generatedPassword({ ...defaultPolicy, blocklist: words })
    assert.equal(
      words.some((word) => made.includes(word)),
      false,
      made,
    )
  }
})

test('a hostile password does not hold the event loop', async () => {
  const user = await aUser(store.db)
  await setPassword(store.db, me, user.id, 'green-harbour-lamp')
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setTimeout(count, 1)
  }
  count()
  await refusal(setPassword(store.db, me, user.id, '4@8({[<369&!|1$5+7%2'.repeat(20)))
  isOver = true
  assert.ok(turns > 10, `the loop turned ${turns} times`)
})

test('earlier passwords do not come back by oneself; a help desk may set them, and only as many are kept', async () => {
  await changePolicy(store.db, me, { history: '2' })
  const user = await aUser(store.db, { password })
  const own = (typed: string) => setPassword(store.db, me, user.id, typed, { by: 'self' })
  assert.match(await refusal(own(password)), /is your password already/)
  await own('second-lamp-harbour')
  await own('third-lamp-harbour')
  assert.match(await refusal(own(password)), /a password of yours before.*last 2/)
  await own('fourth-lamp-harbour')
  const { passwordHistory = [] } = await bodyOf(user.id)
  assert.equal(passwordHistory.length, 2)
  const { rows } = await auditPage(store.db, { object: user.id })
  assert.doesNotMatch(JSON.stringify(rows), /argon2/)
  assert.equal(await isPassword(passwordHistory[0] ?? '', 'third-lamp-harbour'), true)
  assert.equal(await refusal(own(password)), 'accepted')
  assert.equal(await refusal(setPassword(store.db, me, user.id, 'fourth-lamp-harbour')), 'accepted')
  await changePolicy(store.db, me, { history: '5' })
})

test('an import keeps as many earlier passwords as the policy says, and lets who got a new one begin anew', async () => {
  await changePolicy(store.db, me, { history: '12', lockAfter: '3' })
  const user = await aUser(store.db, { username: 'importee', password: 'lamp-harbour-0' })
  for (let nth = 1; nth < 8; nth++) await setPassword(store.db, me, user.id, `lamp-harbour-${nth}`)
  for (const typed of ['wrong-1', 'wrong-2']) await signIn(store.db, 'importee', typed).catch(() => {})
  const text = 'core.username,core.first_name,core.last_name,core.password\nimportee,Some,Body,lamp-harbour-8'
  const job = await startImport(store.db, me, { file: 'a.csv', text: Buffer.from(text), mode: 'update', dryRun: false })
  await importDone(job.id)
  assert.deepEqual([job.changed, job.refused], [1, []])
  assert.equal((await bodyOf(user.id)).passwordHistory?.length, 8)
  assert.match(
    await refusal(setPassword(store.db, me, user.id, 'lamp-harbour-0', { by: 'self' })),
    /a password of yours before/,
  )
  await signIn(store.db, 'importee', 'wrong-3').catch(() => {})
  assert.equal((await signIn(store.db, 'importee', 'lamp-harbour-8')).username, 'importee')
  await changePolicy(store.db, me, { history: '5', lockAfter: '10' })
})

test('the policy of a group holds for the first password of somebody who is added to it, also through a group in it', async () => {
  const outer = await addGroup(store.db, me, { name: 'vault', description: '' })
  await addGroup(store.db, me, { name: 'vault_night', description: '' })
  await addMembers(store.db, me, outer.id, { groups: ['vault_night'] })
  await changePolicy(store.db, me, { minLength: '16', mustChange: true }, 'vault')
  await changePolicy(store.db, me, { mustChange: false })
  for (const group of ['vault', 'vault_night'])
    assert.match(await refusal(aUser(store.db, { password, groups: [group] })), /at least 16 characters/, group)
  const [by, clerk] = [password.repeat(2), { ...me, role: 'administrator' } as Actor]
  const guard = await addUser(store.db, clerk, somebody({ password: by, groups: ['vault_night'] }))
  assert.equal(guard.mustChange, true, 'the policy says so of a password that somebody else has typed')
  assert.equal((await addUser(store.db, clerk, somebody({ password: by }))).mustChange, undefined)
  await changePolicy(store.db, me, { mustChange: true })
  assert.equal((await addUser(store.db, clerk, somebody({ password, mustChange: false }))).mustChange, undefined)
  assert.equal((await addUser(store.db, clerk, somebody())).mustChange, undefined, 'there is no password')
  assert.equal((await aUser(store.db, { password })).mustChange, undefined, 'a command on the machine says so itself')
})

test('a young password is kept for its least age, unless somebody else has set it', async () => {
  await changePolicy(store.db, me, { minAgeDays: '2' })
  const user = await aUser(store.db, { password })
  const own = (typed: string) => setPassword(store.db, me, user.id, typed, { by: 'self' })
  await change(user.id, { mustChange: true })
  assert.equal(await refusal(own('second-lamp-harbour')), 'accepted')
  assert.match(await refusal(own('third-lamp-harbour')), /kept for 2 days at least.*again from 20/)
  assert.equal(await refusal(setPassword(store.db, me, user.id, 'third-lamp-harbour')), 'accepted')
  await change(user.id, { passwordChanged: daysAgo(3), mustChange: false })
  assert.equal(await refusal(own('fourth-lamp-harbour')), 'accepted')
  await changePolicy(store.db, me, { minAgeDays: '0' })
})

test('a password that has ended can be changed, also where another policy would keep it for longer', async () => {
  await addGroup(store.db, me, { name: 'keepers', description: '' })
  await changePolicy(store.db, me, { minAgeDays: '60' }, 'keepers')
  await changePolicy(store.db, me, { maxAgeDays: '30', graceDays: '0' })
  const user = await aUser(store.db, { password, groups: ['keepers'] })
  const own = (typed: string) => setPassword(store.db, me, user.id, typed, { by: 'self' })
  assert.match(await refusal(own('second-lamp-harbour')), /kept for 30 days at least/)
  await change(user.id, { passwordChanged: daysAgo(31) })
  assert.equal(await refusal(own('second-lamp-harbour')), 'accepted')
  await changePolicy(store.db, me, { maxAgeDays: '0', graceDays: '7' })
  await removePolicy(store.db, me, 'keepers')
})

test('whether a password must be changed follows the policy, and who sets it may decide otherwise', async () => {
  const desk = { name: 'desk', via: 'web', id: 'x', role: 'helpdesk' } as const
  const user = await aUser(store.db)
  const set = async (actor: Actor, typed: string, options = {}) => {
    await setPassword(store.db, actor, user.id, typed, options)
    return (await bodyOf(user.id)).mustChange ?? false
  }
  assert.equal(await set(desk, 'second-lamp-harbour'), true)
  assert.equal(await set(desk, 'third-lamp-harbour', { mustChange: false }), false)
  // Who has the machine, a script say, decides for itself.
  assert.equal(await set(me, 'fourth-lamp-harbour'), false)
  assert.equal(await set(me, 'fifth-lamp-harbour', { mustChange: true }), true)
  const self = { ...desk, id: user.id, role: 'person' } as const
  assert.equal(await set(self, 'sixth-lamp-harbour', { by: 'self' }), false)
  await assert.rejects(set(desk, 'eighth-lamp-harbour', { by: 'self' }), Refused, 'nobody is somebody else')
  await changePolicy(store.db, me, { mustChange: false })
  assert.equal(await set(desk, 'seventh-lamp-harbour'), false)
  await changePolicy(store.db, me, { mustChange: true })
})

test('a password is good, then old, then ended', () => {
  const policy = { ...defaultPolicy, maxAgeDays: 90, graceDays: 7 }
  const age = (days: number) => passwordAge(policy, { passwordChanged: daysAgo(days), added: daysAgo(500) })
  assert.equal(age(89).is, 'good')
  assert.equal(age(91).is, 'old')
  assert.equal(age(98).is, 'ended')
  assert.equal(passwordAge(policy, { added: daysAgo(91) }).is, 'old')
  assert.equal(passwordAge(defaultPolicy, { added: daysAgo(5000) }).is, 'good')
})

test('a policy out of bounds is refused field by field, and nothing of it is kept', async () => {
  const before = (await policies(store.db)).first.policy
  const attempt = changePolicy(store.db, me, {
    minLength: '7',
    minStrength: '5',
    history: '-1',
    maxAgeDays: '1e3',
    lockAfter: '2',
    lockWindowMinutes: '0',
    lockMinutes: '',
    blocklist: 'ab',
  })
  const problems = await attempt.then(
    () => ({}),
    (error) => (error as Invalid).problems,
  )
  assert.deepEqual(Object.keys(problems).sort(), [
    'blocklist',
    'history',
    'lockAfter',
    'lockMinutes',
    'lockWindowMinutes',
    'maxAgeDays',
    'minLength',
    'minStrength',
  ])
  assert.match(
    await refusal(changePolicy(store.db, me, { minAgeDays: '30', maxAgeDays: '30' })),
    /less than the greatest/,
  )
  assert.match(await refusal(changePolicy(store.db, me, {}, 'nowhere')), /no group “nowhere”/)
  assert.match(await refusal(changePolicy(store.db, me, {}, 'allusers')), /Everyone is in allusers/)
  assert.deepEqual((await policies(store.db)).first.policy, before)
})

test('only an administrator changes a policy', async () => {
  const desk = { name: 'desk', via: 'web', id: 'x', role: 'helpdesk' } as const
  await assert.rejects(changePolicy(store.db, desk, { minLength: '9' }), Refused)
  await assert.rejects(removePolicy(store.db, desk, 'finance'), Refused)
})
