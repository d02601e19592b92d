import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { mayUse } from '../../server/accounts/may-use.ts'
import { addOwnPlugin, changeOwnPlugin, removeOwnPlugin } from '../../server/accounts/own-plugins.ts'
import {
  disablePlugin,
  enablePlugin,
  needPlugin,
  pluginList,
  pluginUsers,
  setPluginOn,
} from '../../server/accounts/plugins.ts'
import { policyOf } from '../../server/accounts/policies.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { countWrongPassword, forgetFailures } from '../../server/accounts/sign-ins.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { Invalid, NotFound, Refused } from '../../server/errors.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
before(async () => {
  store = await aMasterStore()
})
after(() => store.close())

const reasons = async (username: string, now?: Date) => {
  const { may, reasons } = await mayUse(
    store.db,
    await userByUsername(store.db, username),
    await needPlugin(store.db, 'ftp'),
    now,
  )
  assert.equal(
    may,
    reasons.every(({ ok }) => ok),
  )
  return reasons.filter(({ ok }) => !ok).map(({ text }) => text)
}

test('those of the program that no document asks for begin turned off', async () => {
  const on = (await pluginList(store.db)).filter((plugin) => plugin.on).map(({ name }) => name)
  assert.deepEqual(on, ['ftp', 'pptpd', 'print_server', 'smtp', 'web_proxy'])
})

test('a group gives it to everybody in it now, also through other groups', async () => {
  const { db } = store
  const [a, b, c] = [await aUser(db), await aUser(db), await aUser(db)]
  const site = await addGroup(db, me, { name: 'site', description: '' })
  const desk = await addGroup(db, me, { name: 'desk', description: '' })
  await addMembers(db, me, site.id, { usernames: [a.username], groups: ['desk'] })
  await addMembers(db, me, desk.id, { usernames: [b.username] })
  const { changed } = await enablePlugin(db, me, 'ftp', { usernames: [c.username], groups: ['site'] })
  assert.deepEqual(changed.sort(), [a, b, c].map(({ username }) => username).sort())
  assert.deepEqual((await enablePlugin(db, me, 'ftp', { groups: ['site'] })).changed, [])
  await assert.rejects(enablePlugin(db, me, 'ftp', { groups: ['nowhere'] }), Invalid)
  await assert.rejects(enablePlugin(db, me, 'ftp', ['nobody_here']), Invalid)
  await disablePlugin(db, me, 'ftp', { groups: ['desk'] })
  assert.equal((await pluginUsers(db, 'ftp', {})).total, 2)
  const everyone = await enablePlugin(db, me, 'smtp', { groups: ['allusers'] })
  assert.equal(everyone.changed.length, 4)
  assert.equal((await pluginList(db)).find(({ name }) => name === 'smtp')?.users, 4)
})

test('every reason why somebody cannot use it is named', async () => {
  const { db } = store
  const user = await aUser(db, { username: 'reasons', password, mustChange: false, plugins: ['ftp'] })
  assert.deepEqual(await reasons('reasons'), [])
  await setStatus(db, me, user.id, 'locked')
  assert.deepEqual(await reasons('reasons'), ['Account is locked'])
  await setStatus(db, me, user.id, 'enabled')
  await changeUser(db, me, user.id, { validUntil: '2020-01-01' })
  assert.match((await reasons('reasons')).join(), /^Account has ended on /)
  await changeUser(db, me, user.id, { validUntil: '', validFrom: '2999-01-01' })
  assert.match((await reasons('reasons')).join(), /^Account begins on /)
  await changeUser(db, me, user.id, { validFrom: '', mustChange: true })
  assert.match((await reasons('reasons')).join(), /new password must be set first/)
  await changeUser(db, me, user.id, { mustChange: false, plugins: [] })
  assert.deepEqual(await reasons('reasons'), ['Plugin FTP Server is off'])
  await setPluginOn(db, me, 'ftp', false)
  assert.deepEqual(await reasons('reasons'), ['FTP Server is turned off for everyone', 'Plugin FTP Server is off'])
  await setPluginOn(db, me, 'ftp', true)
  const without = await aUser(db, { plugins: ['ftp'] })
  assert.deepEqual(await reasons(without.username), ['No password is set yet'])
  const every = await mayUse(db, { ...without, status: 'disabled' }, { name: 'ftp', title: 'FTP Server', on: false })
  assert.deepEqual(
    every.reasons.map(({ ok, way }) => ok === (way === undefined)),
    every.reasons.map(() => true),
    'what speaks against it has a way out',
  )
})

test('a password that has ended is said with whose policy that is, also through a group in its group', async () => {
  const { db } = store
  const outer = await addGroup(db, me, { name: 'vault', description: '' })
  await addGroup(db, me, { name: 'vault_night', description: '' })
  await addMembers(db, me, outer.id, { groups: ['vault_night'] })
  await changePolicy(db, me, { maxAgeDays: '30', graceDays: '0' }, 'vault')
  const given = { password, mustChange: false, plugins: ['ftp'] }
  await aUser(db, { username: 'day', ...given, groups: ['vault'] })
  await aUser(db, { username: 'night', ...given, groups: ['vault_night'] })
  await aUser(db, { username: 'gate', ...given })
  const later = new Date(Date.now() + 31 * 86_400_000)
  assert.match(
    (await reasons('day', later)).join(),
    /^The password has ended on .*: .* 30 days, .* of group vault says$/,
  )
  assert.match((await reasons('night', later)).join(), /of group vault, through vault_night, says$/)
  assert.deepEqual(await reasons('gate', later), [])
  await changePolicy(db, me, { maxAgeDays: '20', graceDays: '0' })
  assert.match((await reasons('gate', later)).join(), /20 days, as the policy of everyone says$/)
  await changePolicy(db, me, { maxAgeDays: '0' })
})

test('a lock that only this node keeps is named with its end', async () => {
  const { db } = store
  const user = await aUser(db, { username: 'lockedhere', password, mustChange: false, plugins: ['ftp'] })
  const policy = { ...(await policyOf(db, user)), lockAfter: 3 }
  for (const typed of ['a', 'b', 'c']) await countWrongPassword(db, user.id, policy, typed, user)
  assert.match(
    (await reasons('lockedhere')).join(),
    /^Locked at this node until \d{4}-.* UTC, after too many wrong passwords$/,
  )
  await forgetFailures(db, user.id)
})

test('one made here has a number of its own, is changed, and leaves nobody when it is removed', async () => {
  const { db } = store
  const wifi = await addOwnPlugin(db, me, { title: 'Guest Wi-Fi' })
  assert.deepEqual([wifi.name, wifi.badge, wifi.on, wifi.isOwn], ['guest_wi_fi', 'Guest', true, true])
  assert.equal(wifi.gidNumber > 60_000, true, String(wifi.gidNumber))
  const user = await aUser(db, { plugins: ['guest_wi_fi'] })
  const changed = await changeOwnPlugin(db, me, 'guest_wi_fi', { title: 'Wi-Fi', badge: 'WiFi' })
  assert.deepEqual([changed.title, changed.badge, changed.gidNumber], ['Wi-Fi', 'WiFi', wifi.gidNumber])
  assert.deepEqual(await removeOwnPlugin(db, me, 'guest_wi_fi'), { people: 1 })
  assert.deepEqual((await userByUsername(db, user.username)).plugins, [])
  await assert.rejects(needPlugin(db, 'guest_wi_fi'), NotFound)
  await assert.rejects(removeOwnPlugin(db, me, 'ftp'), Refused)
  assert.equal((await addOwnPlugin(db, me, { title: 'Столовая' })).name, 'plugin_1')
  const again = await addOwnPlugin(db, me, { title: 'Guest Wi-Fi' })
  assert.equal(again.gidNumber > wifi.gidNumber, true)
})

test('what is typed about one is judged', async () => {
  const { db } = store
  await setExtensionOn(db, me, 'mail', true)
  await aUser(db, { extensions: { mail: { aliases: 'scan_plugin' } } })
  for (const [typed, field] of [
    [{ title: '' }, 'title'],
    [{ title: 'FTP server' }, 'title'],
    [{ title: 'Files', name: 'ftp' }, 'name'],
    [{ title: 'Files', name: 'New' }, 'name'],
    [{ title: 'Scan' }, 'name'],
    [{ title: 'Files', badge: 'TooLong' }, 'badge'],
    [{ title: 'Files', summary: 'x'.repeat(201) }, 'summary'],
    [{ title: 'Fi\u202eles' }, 'title'],
  ] as const) {
    const error = await addOwnPlugin(db, me, typed).catch((error) => error)
    if (!(error instanceof Invalid)) assert.fail(`expected a problem with ${field}: ${JSON.stringify(typed)}`)
    assert.match(error.problems[field] ?? '', /\.$/, JSON.stringify(typed))
  }
  assert.equal((await groupByName(db, 'allusers')).name, 'allusers')
})
