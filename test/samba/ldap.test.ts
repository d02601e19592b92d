import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { ntHash } from '../../server/accounts/md4.ts'
import { policies } from '../../server/accounts/policies.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { setStatus, userByUsername } from '../../server/accounts/users.ts'
import { type Domain, domainOf, setUpDomain } from '../../server/samba/domain.ts'
import { machineByName } from '../../server/samba/machines.ts'
import type { Db } from '../../server/store/db.ts'
import { type Client, connectTo } from '../ldap/client.ts'
import type { Started } from '../ldap/sample.ts'
import { addRequest, modify, passwordRequest, removeRequest, startWritable } from '../ldap/writable.ts'
import { until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'

const base = 'dc=example,dc=lan'
const people = `ou=Users,ou=Accounts,${base}`
const groups = `ou=Groups,ou=Accounts,${base}`
const computers = `ou=Computers,ou=Accounts,${base}`
const domainDn = `sambaDomainName=EXAMPLE,${base}`
const anna = `uid=anna,${people}`
const secret = 'quiet-river-stone-42'
const windows = { samba: { account: 'yes' } }

let db: Db
let server: Started
let close: () => Promise<void>
let samba: Client
let reader: Client
let admin: Client
let domain: Domain
const open: Client[] = []

before(async () => {
  ;({ db, server, close } = await startWritable())
  await aUser(db, { username: 'early', password: secret })
  domain = await setUpDomain(db, me, { name: 'EXAMPLE', password: secret })
  await addGroup(db, me, { name: 'sales', description: 'Sales' })
  await aUser(db, {
    username: 'anna',
    first: 'Anna',
    last: 'Ek',
    password: secret,
    mustChange: false,
    extensions: windows,
    groups: ['sales'],
  })
  await aUser(db, { username: 'bert', password: secret, mustChange: false, extensions: windows })
  for (const role of ['samba', 'read'] as const) {
    const { dn, password: own } = await addClient(db, me, { name: role, role })
    const client = await signedIn(dn, own)
    if (role === 'samba') samba = client
    else reader = client
  }
  admin = await signedIn(`uid=admin,${people}`, password)
})
after(async () => {
  for (const client of open) client.end()
  await close()
})

async function signedIn(dn: string, own: string): Promise<Client> {
  const client = connectTo(server.port)
  open.push(client)
  assert.equal(await client.bind(dn, own), 0)
  return client
}

async function entry(dn: string, by = samba): Promise<Record<string, string[]>> {
  const { entries } = await by.search({ base: dn, scope: 'base', attributes: ['*', 'modifyTimestamp'] })
  return entries[0]?.attributes ?? {}
}
const one = async (dn: string, name: string): Promise<string | undefined> => (await entry(dn))[name]?.[0]
const hash = (text: string): string => ntHash(text).toString('hex').toUpperCase()

/** As Samba writes: the value that it has read goes, another comes. */
async function swap(dn: string, ...pairs: [name: string, now: string | undefined][]) {
  const was = await entry(dn)
  return modify(
    samba,
    dn,
    ...pairs.flatMap(([name, now]) => [
      ...(was[name] ? [['delete', name, was[name][0] as string] as ['delete', string, string]] : []),
      ...(now === undefined ? [] : [['add', name, now] as ['add', string, string]]),
    ]),
  )
}

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

test('the domain carries its policies, which are the policy of everyone', async () => {
  const found = await entry(domainDn)
  assert.deepEqual(found.sambaSID, [domain.sid])
  assert.deepEqual(found.sambaMinPwdLength, ['8'])
  assert.deepEqual(found.sambaMaxPwdAge, ['-1'])
  await changePolicy(db, me, { lockMinutes: '45', maxAgeDays: '90', graceDays: '0' })
  assert.equal(await one(domainDn, 'sambaLockoutDuration'), '45')
  assert.equal(await one(domainDn, 'sambaMaxPwdAge'), `${90 * 86_400}`)
  assert.equal(
    (await modify(samba, domainDn, ['replace', 'sambaLockoutThreshold', '3'], ['replace', 'sambaForceLogoff', '0']))
      .code,
    0,
  )
  assert.equal((await policies(db)).first.policy.lockAfter, 3)
  assert.equal(await one(domainDn, 'sambaForceLogoff'), '0')
  const short = await modify(samba, domainDn, ['replace', 'sambaMinPwdLength', '2'])
  assert.equal(short.code, 19)
  assert.match(short.message, /Least length/)
  assert.equal((await modify(samba, domainDn, ['replace', 'sambaMaxPwdAge', '-1'])).code, 0)
  assert.equal((await policies(db)).first.policy.maxAgeDays, 0)
})

test('RIDs are taken one by one: a stale or a second value is refused, and none comes twice', async () => {
  const rid = Number(await one(domainDn, 'sambaNextRid'))
  const take = (from: number, to = from + 1) =>
    modify(samba, domainDn, ['delete', 'sambaNextRid', `${from}`], ['add', 'sambaNextRid', `${to}`])
  const codes = (await Promise.all([take(rid), take(rid), take(rid)])).map(({ code }) => code).sort()
  assert.deepEqual(codes, [0, 16, 16])
  assert.equal((await modify(samba, domainDn, ['add', 'sambaNextRid', '7'])).code, 19)
  assert.equal((await take(rid + 1, rid)).code, 19)
  assert.equal(await one(domainDn, 'sambaNextRid'), `${rid + 1}`)
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
  const bert = `uid=bert,${people}`
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
  assert.ok(lockedUntil && Date.parse(lockedUntil) > Date.now() + 40 * 60_000)
  assert.equal(await one(bert, 'sambaBadPasswordCount'), '3')
  const refused = connectTo(server.port)
  open.push(refused)
  assert.equal(await refused.bind(bert, secret), 49)
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
  await signedIn(anna, next)
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

test('a computer joins as Samba does it, changes its secret, and goes', async () => {
  const dn = `uid=ws1$,${computers}`
  const posix = {
    objectClass: ['top', 'account', 'posixAccount'],
    uid: 'ws1$',
    cn: 'ws1$',
    uidNumber: '2001',
    gidNumber: '1000515',
    homeDirectory: '/nonexistent',
    loginShell: '/bin/false',
  }
  assert.equal((await samba.request(addRequest(dn, posix))).code, 0)
  assert.equal((await samba.request(addRequest(dn, posix))).code, 68)
  // That number was given before.
  const number = Number(await one(dn, 'uidNumber'))
  assert.ok(number > 2001)
  assert.equal(await one(dn, 'sambaSID'), undefined)
  const rid = Number(await one(domainDn, 'sambaNextRid'))
  const steps = [
    await modify(
      samba,
      `uid=WS1$,${computers}`,
      ['add', 'sambaSID', `${domain.sid}-${rid}`],
      ['add', 'displayName', 'ws1$'],
      ['add', 'sambaAcctFlags', '[DW         ]'],
      ['add', 'objectclass', 'sambaSamAccount'],
    ),
    await swap(dn, ['sambaAcctFlags', '[WX         ]']),
    await modify(samba, dn, ['add', 'sambaNTPassword', hash('one')], ['add', 'sambaPwdLastSet', '1780000000']),
    await swap(dn, ['sambaNTPassword', hash('two')], ['sambaPwdLastSet', '1780000001']),
  ]
  for (const { code, message } of steps) assert.equal(code, 0, message)
  assert.equal(await one(dn, 'sambaNTPassword'), hash('two'))
  const machine = await machineByName(db, 'ws1')
  assert.equal(machine.sid, `${domain.sid}-${rid}`)
  assert.equal(machine.flags, '[WX         ]')
  const found = await samba.search({ base, filter: '(&(uid=WS1$)(objectclass=sambaSamAccount))', attributes: ['uid'] })
  assert.equal(found.entries.length, 1)
  assert.equal((await samba.request(removeRequest(dn))).code, 0)
  assert.equal((await samba.request(removeRequest(dn))).code, 32)
})

test('a whole computer may come at once, with a number and a SID that nobody has', async () => {
  const whole = (name: string, number: string, rid: string) =>
    samba.request(
      addRequest(`uid=${name}$,${computers}`, {
        objectClass: ['top', 'account', 'posixAccount', 'sambaSamAccount'],
        uid: `${name}$`,
        cn: `${name}$`,
        uidNumber: number,
        gidNumber: '1000515',
        homeDirectory: '/nonexistent',
        sambaSID: `${domain.sid}-${rid}`,
        sambaAcctFlags: '[W          ]',
      }),
    )
  assert.equal((await whole('ws2', '990000', '990000')).code, 0)
  assert.equal((await machineByName(db, 'ws2')).uidNumber, 990_000)
  const twice = await whole('ws3', '990001', '990000')
  assert.equal(twice.code, 19)
  assert.match(twice.message, /belongs to another account/)
  assert.equal((await whole('ws3', '990001', '512')).code, 19)
  const elsewhere = await whole('ws3', '990000', '990001')
  assert.equal(elsewhere.code, 0)
  assert.notEqual((await machineByName(db, 'ws3')).uidNumber, 990_000)
})

test('entries that Samba keeps for itself stand where it puts them, and say what it wrote', async () => {
  const sid = 'S-1-5-32-9123'
  const dn = `sambaSid=${sid},${groups}`
  const alias = {
    objectClass: ['sambaSidEntry', 'sambaGroupMapping'],
    sambaSid: sid,
    sambaGroupType: '4',
    displayName: 'Porters',
    gidNumber: '70004',
  }
  assert.equal((await samba.request(addRequest(dn, alias))).code, 0)
  assert.equal((await samba.request(addRequest(dn, alias))).code, 68)
  assert.equal((await modify(samba, `sambaSID=${sid},${groups}`, ['add', 'sambaSIDList', `${domain.sid}-512`])).code, 0)
  assert.equal((await modify(samba, dn, ['add', 'sambaSIDList', `${domain.sid}-512`])).code, 20)
  assert.equal((await modify(samba, dn, ['delete', 'sambaSIDList', 'S-1-1-0'])).code, 16)
  assert.equal((await modify(samba, dn, ['add', 'mail', 'porters@example.lan'])).code, 65)
  const idmap = `sambaSID=S-1-5-21-1-2-3-1000,ou=Idmap,${base}`
  assert.equal(
    (
      await samba.request(
        addRequest(idmap, {
          objectClass: ['sambaSidEntry', 'sambaIdmapEntry'],
          sambaSID: 'S-1-5-21-1-2-3-1000',
          uidNumber: '70009',
        }),
      )
    ).code,
    0,
  )
  const pool = await modify(
    samba,
    `ou=Idmap,${base}`,
    ['add', 'objectClass', 'sambaUnixIdPool'],
    ['add', 'uidNumber', '70010'],
    ['add', 'gidNumber', '70005'],
  )
  assert.equal(pool.code, 0, pool.message)
  assert.equal(
    (await modify(samba, `ou=Idmap,${base}`, ['delete', 'uidNumber', '70010'], ['add', 'uidNumber', '70011'])).code,
    0,
  )
  assert.equal(await one(`ou=Idmap,${base}`, 'uidNumber'), '70011')
  assert.equal((await samba.search({ base: `sambaDomainName=sales,${domainDn}` })).code, 32)
  assert.equal((await samba.request(removeRequest(dn))).code, 0)
  assert.equal((await samba.request(removeRequest(dn))).code, 32)
})

test('a trust between domains is kept, and its password is seen by Samba alone', async () => {
  const dn = `sambaDomainName=OTHER,${domainDn}`
  const trust = {
    objectClass: 'sambaTrustedDomainPassword',
    sambaDomainName: 'OTHER',
    sambaSID: 'S-1-5-21-7-8-9',
    sambaClearTextPassword: 'trust-me-not',
    sambaPwdLastSet: '1780000000',
  }
  const done = await samba.request(addRequest(dn, trust))
  assert.equal(done.code, 0, done.message)
  assert.equal(await one(dn, 'sambaClearTextPassword'), 'trust-me-not')
  assert.equal((await entry(dn, reader)).sambaClearTextPassword, undefined)
  const rows: { body: string }[] = await db.reader('objects').where({ kind: 'kept', deleted: false })
  assert.ok(!JSON.stringify(rows).includes('trust-me-not'))
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
  const bert = `uid=bert,${people}`
  assert.equal(await one(bert, 'sambaNTPassword'), undefined)
  await until(async () => (await one(bert, 'sambaSID')) === undefined)
  await until(async () => (await one(`cn=sales,${groups}`, 'sambaSID')) === undefined)
  await setExtensionOn(db, me, 'samba', true)
  await until(async () => (await one(bert, 'sambaSID')) !== undefined)
  await until(async () => (await one(`cn=sales,${groups}`, 'sambaSID')) !== undefined)
  assert.equal(await one(bert, 'sambaNTPassword'), undefined)
  assert.equal((await domainOf(db))?.sid, domain.sid)
})
