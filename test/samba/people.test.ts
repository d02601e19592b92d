import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { groupByName } from '../../server/accounts/groups.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { domainOf } from '../../server/samba/domain.ts'
import { modify, passwordRequest } from '../ldap/writable.ts'
import { until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { anna, base, bert, groups, hash, people, secret, startWindows, type Windows } from './windows.ts'

let windows: Windows
let { admin, db, domain, entry, one, reader, samba, signIn, swap } = {} as Windows

before(async () => {
  windows = await startWindows()
  ;({ admin, db, domain, entry, one, reader, samba, signIn, swap } = windows)
})
after(() => windows.close())

test('a person with a Windows account has what Samba reads, and one without has nothing of it', async () => {
  const found = await entry(anna)
  const { uidNumber } = await userByUsername(db, 'anna')
  assert.deepEqual(found.sambaSID, [`${domain.sid}-${uidNumber}`])
  assert.deepEqual(found.sambaAcctFlags, ['[U          ]'])
  assert.deepEqual(found.sambaNTPassword, [hash(secret)])
  assert.deepEqual(found.sambaBadPasswordCount, ['0'])
  assert.ok(found.objectClass?.includes('sambaSamAccount'))
  const other = await entry(`uid=early,${people}`)
  assert.deepEqual(
    Object.keys(other).filter((name) => name.startsWith('samba')),
    [],
  )
  assert.deepEqual((await entry(`uid=winadmin,${people}`)).sambaSID, [`${domain.sid}-500`])
})

test('groups are mapped with fixed SIDs for those that Windows knows', async () => {
  assert.deepEqual((await entry(`cn=domain_admins,${groups}`)).sambaSID, [`${domain.sid}-512`])
  assert.deepEqual((await entry(`cn=domain_users,${groups}`)).displayName, ['Domain Users'])
  const builtin = await entry(`cn=administrators,${groups}`)
  assert.deepEqual(builtin.sambaSID, ['S-1-5-32-544'])
  assert.deepEqual(builtin.sambaGroupType, ['4'])
  assert.deepEqual(builtin.sambaSIDList, [`${domain.sid}-512`])
  const { gidNumber } = await groupByName(db, 'sales')
  assert.deepEqual((await entry(`cn=sales,${groups}`)).sambaSID, [`${domain.sid}-${gidNumber}`])
  const { entries } = await samba.search({
    base,
    filter: `(&(objectclass=sambaGroupMapping)(sambaGroupType=4)(|(sambaSIDList=${domain.sid}-512)(sambaSIDList=S-1-1-0)))`,
    attributes: ['sambaSID'],
  })
  assert.deepEqual(
    entries.map(({ attributes }) => attributes.sambaSID?.[0]),
    ['S-1-5-32-544'],
  )
})

test('everybody with a Windows account is in Domain Users, and nobody else', async () => {
  const { memberUid = [] } = await entry(`cn=domain_users,${groups}`)
  assert.deepEqual([...memberUid].sort(), ['anna', 'bert', 'winadmin'])
  const mine = await samba.search({ base, filter: '(&(objectClass=posixGroup)(memberUid=anna))', attributes: ['cn'] })
  assert.ok(mine.entries.some(({ attributes }) => attributes.cn?.[0] === 'domain_users'))
})

test('an account that is disabled or locked here is so for Samba, and the other way round', async () => {
  const { id } = await userByUsername(db, 'bert')
  await setStatus(db, me, id, 'disabled')
  assert.equal(await one(bert, 'sambaAcctFlags'), '[DU         ]')
  assert.equal((await swap(bert, ['sambaAcctFlags', '[U          ]'])).code, 0)
  assert.equal((await userByUsername(db, 'bert')).status, 'enabled')
  assert.equal((await swap(bert, ['sambaAcctFlags', '[DU         ]'])).code, 0)
  assert.equal((await userByUsername(db, 'bert')).status, 'disabled')
  await setStatus(db, me, id, 'enabled')
  const locked = await swap(
    bert,
    ['sambaAcctFlags', '[UL         ]'],
    ['sambaBadPasswordCount', '3'],
    ['sambaBadPasswordTime', '1780000000'],
  )
  assert.equal(locked.code, 0, locked.message)
  const { lockedUntil } = await userByUsername(db, 'bert')
  assert.ok(lockedUntil && Date.parse(lockedUntil) > Date.now() + 10 * 60_000)
  assert.equal(await one(bert, 'sambaBadPasswordCount'), '3')
  assert.equal(await windows.bind(bert, secret), 49)
  await setStatus(db, me, id, 'enabled')
  assert.equal(await one(bert, 'sambaAcctFlags'), '[U          ]')
})

test('flags that nothing here knows of come back as they were written', async () => {
  assert.equal((await swap(anna, ['sambaAcctFlags', '[UX         ]'])).code, 0)
  assert.equal(await one(anna, 'sambaAcctFlags'), '[UX         ]')
  assert.equal((await swap(anna, ['sambaAcctFlags', '[U          ]'])).code, 0)
  assert.equal((await modify(samba, anna, ['delete', 'sambaAcctFlags', '[UX         ]'])).code, 16)
  assert.equal((await swap(anna, ['sambaAcctFlags', 'nonsense'])).code, 19)
})

test('profile, script, hours and end of an account are kept, on the form as far as it has them', async () => {
  const hours = 'F'.repeat(42)
  const done = await swap(
    anna,
    ['sambaLogonScript', 'logon.cmd'],
    ['sambaProfilePath', String.raw`\\pdc\profiles\anna`],
    ['sambaLogonHours', hours],
    ['sambaKickoffTime', '1900000000'],
    ['description', 'Sits upstairs'],
  )
  assert.equal(done.code, 0, done.message)
  const user = await userByUsername(db, 'anna')
  assert.deepEqual(user.extensions.samba, {
    account: true,
    logonScript: 'logon.cmd',
    profilePath: String.raw`\\pdc\profiles\anna`,
    comment: 'Sits upstairs',
  })
  assert.equal(user.validUntil, '2030-03-17T17:46:40.000Z')
  assert.equal(await one(anna, 'sambaLogonHours'), hours)
  const gone = await swap(
    anna,
    ['sambaLogonScript', undefined],
    ['sambaKickoffTime', '2147483647'],
    ['sambaLogonHours', undefined],
  )
  assert.equal(gone.code, 0, gone.message)
  assert.equal((await userByUsername(db, 'anna')).validUntil, undefined)
})

test('the time of change moves with every write of Samba, also one that says nothing new', async () => {
  const seq = db.position.seq
  assert.equal((await modify(samba, anna, ['replace', 'sambaBadPasswordCount', '0'])).code, 0)
  assert.ok(db.position.seq > seq)
})

test('a password by way of Samba sets both hashes at once, and the write that follows it finds what it expects', async () => {
  const before = await entry(anna)
  const next = 'seven-green-garden-gates'
  const done = await samba.request(passwordRequest({ who: anna, new: next }))
  assert.equal(done.code, 0, done.message)
  assert.equal(await one(anna, 'sambaNTPassword'), hash(next))
  await signIn(anna, next)
  const follows = await modify(
    samba,
    anna,
    ['delete', 'sambaNTPassword', before.sambaNTPassword![0] as string],
    ['add', 'sambaNTPassword', hash(next)],
    ['add', 'sambaPasswordHistory', '0'.repeat(64)],
    ['delete', 'sambaPwdLastSet', before.sambaPwdLastSet![0] as string],
    ['add', 'sambaPwdLastSet', `${Math.floor(Date.now() / 1000)}`],
  )
  assert.equal(follows.code, 0, follows.message)
  assert.equal(await one(anna, 'sambaNTPassword'), hash(next))
  assert.equal(await one(anna, 'sambaPasswordHistory'), undefined)
  const again = await samba.request(passwordRequest({ who: anna, new: secret }))
  assert.equal(again.code, 19)
  assert.match(again.message, /before/)
})

test('who must change the password has it from the last time for Samba', async () => {
  assert.equal((await swap(anna, ['sambaPwdLastSet', '0'])).code, 0)
  assert.equal((await userByUsername(db, 'anna')).mustChange, true)
  assert.equal((await swap(anna, ['sambaPwdLastSet', '1790000000'])).code, 0)
  assert.equal((await userByUsername(db, 'anna')).mustChange, undefined)
})

test('nobody but Samba sees what Windows has of a password, nor can guess at it', async () => {
  const { sambaNTPassword } = await entry(anna)
  for (const client of [reader, admin]) {
    const { entries } = await client.search({ base: anna, scope: 'base', attributes: ['*', '+', 'sambaNTPassword'] })
    assert.equal(entries[0]?.attributes.sambaNTPassword, undefined)
    const guess = await client.search({ base, filter: `(sambaNTPassword=${sambaNTPassword![0]})` })
    assert.equal(guess.entries.length, 0)
    assert.notEqual(await client.compare(anna, 'sambaNTPassword', sambaNTPassword![0] as string), 6)
  }
  assert.equal((await modify(admin, anna, ['replace', 'sambaNTPassword', hash('chosen')])).code, 50)
  assert.equal((await modify(reader, anna, ['replace', 'sambaNTPassword', hash('chosen')])).code, 50)
})

test('Samba does not take over an administrator of these pages', async () => {
  const { code } = await samba.request(
    passwordRequest({ who: `uid=admin,${people}`, new: 'a-quiet-take-over-at-noon' }),
  )
  assert.equal(code, 50)
})

test('a group is taken out of Windows and put back', async () => {
  const dn = `cn=sales,${groups}`
  const { sambaSID } = await entry(dn)
  const out = await modify(
    samba,
    dn,
    ['delete', 'sambaSID'],
    ['delete', 'sambaGroupType'],
    ['delete', 'objectClass', 'sambaGroupMapping'],
  )
  assert.equal(out.code, 0, out.message)
  assert.equal(await one(dn, 'sambaSID'), undefined)
  const back = await modify(
    samba,
    dn,
    ['add', 'objectClass', 'sambaGroupMapping'],
    ['add', 'sambaSid', sambaSID![0] as string],
    ['add', 'sambaGroupType', '2'],
    ['add', 'displayName', 'Sales people'],
  )
  assert.equal(back.code, 0, back.message)
  assert.equal(await one(dn, 'displayName'), 'Sales people')
  const foreign = await modify(samba, `cn=domain_admins,${groups}`, ['replace', 'sambaSID', `${domain.sid}-4711`])
  assert.equal(foreign.code, 53)
})

test('an account is taken from somebody, and given back with the same SID', async () => {
  const { sambaSID } = await entry(anna)
  const out = await modify(
    samba,
    anna,
    ['delete', 'sambaSID'],
    ['delete', 'sambaAcctFlags'],
    ['delete', 'objectClass', 'sambaSamAccount'],
  )
  assert.equal(out.code, 0, out.message)
  assert.equal(await one(anna, 'sambaNTPassword'), undefined)
  assert.equal((await userByUsername(db, 'anna')).extensions.samba?.account, false)
  const back = await modify(
    samba,
    anna,
    ['add', 'sambaSID', sambaSID![0] as string],
    ['add', 'sambaAcctFlags', '[DU         ]'],
    ['add', 'objectclass', 'sambaSamAccount'],
  )
  assert.equal(back.code, 0, back.message)
  assert.equal(await one(anna, 'sambaAcctFlags'), '[DU         ]')
  assert.equal((await swap(anna, ['sambaAcctFlags', '[U          ]'])).code, 0)
})

test('with Windows Networking off, nothing of it is left in the directory, and on again it is back', async () => {
  await setExtensionOn(db, me, 'samba', false)
  assert.equal(await one(bert, 'sambaNTPassword'), undefined)
  await until(async () => (await one(bert, 'sambaSID')) === undefined)
  await until(async () => (await one(`cn=sales,${groups}`, 'sambaSID')) === undefined)
  await setExtensionOn(db, me, 'samba', true)
  await until(async () => (await one(bert, 'sambaSID')) !== undefined)
  await until(async () => (await one(`cn=sales,${groups}`, 'sambaSID')) !== undefined)
  assert.equal(await one(bert, 'sambaNTPassword'), undefined)
  assert.equal((await domainOf(db))?.sid, domain.sid)
})
