import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { policies } from '../../server/accounts/policies.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { machineByName } from '../../server/samba/machines.ts'
import type { Answer } from '../ldap/client.ts'
import { addRequest, modify, passwordRequest, removeRequest, renameRequest } from '../ldap/writable.ts'
import { me } from '../support/people.ts'
import { anna, base, computers, domainDn, groups, hash, people, secret, startWindows, type Windows } from './windows.ts'

let windows: Windows
let { db, domain, entry, one, reader, samba, swap } = {} as Windows

before(async () => {
  windows = await startWindows()
  ;({ db, domain, entry, one, reader, samba, swap } = windows)
})
after(() => windows.close())

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

test('what cannot be is refused with a reason, and never a fault', async () => {
  const bare = { objectClass: ['account', 'posixAccount'], uid: 'ws9$', cn: 'ws9$', uidNumber: '1', gidNumber: '1' }
  const ws9 = `uid=ws9$,${computers}`
  assert.equal((await samba.request(addRequest(ws9, { ...bare, homeDirectory: '/x' }))).code, 0)
  const account = { objectClass: ['account', 'sambaSamAccount'] }
  const alias = { objectClass: ['sambaSidEntry', 'sambaGroupMapping'], sambaGroupType: '4', gidNumber: '70001' }
  const refused: [what: Promise<Answer>, code: number, why: RegExp][] = [
    [samba.request(removeRequest(domainDn)), 66, /below/],
    [samba.request(renameRequest(domainDn, 'sambaDomainName=OTHER')), 53, /keep their name/],
    [modify(samba, domainDn, ['replace', 'sambaSID', 'S-1-5-21-1-2-3']), 53, /is settled/],
    [modify(samba, domainDn, ['replace', 'sambaNextRid', '99999999999999999999']), 19, /only grows/],
    [modify(samba, domainDn, ['replace', 'sambaLockoutThreshold', '99999']), 19, /from 0 to 100/],
    [modify(samba, domainDn, ['add', 'mail', 'a@example.lan']), 19, /no rule/],
    [samba.request(addRequest(`uid=ws,${computers}`, { ...account, uid: 'ws' })), 64, /ends with/],
    [samba.request(addRequest(`uid=w s$,${computers}`, { ...account, uid: 'w s$' })), 19, /Computer name/],
    [samba.request(addRequest(`uid=wx$,${computers}`, { ...account, sambaSID: 'S-1-5-21-9-9-9-1' })), 19, /no SID of/],
    [samba.request(addRequest(`uid=wx$,${computers}`, { ...account, sambaNTPassword: 'xyz' })), 19, /32 hex/],
    [samba.request(addRequest(`uid=wx$,${computers}`, { ...account, mail: 'a@example.lan' })), 53, /not kept/],
    [samba.request(renameRequest(ws9, 'uid=ws8$')), 53, /keep their name/],
    [samba.request(passwordRequest({ who: ws9, new: secret })), 53, /people/],
    [modify(samba, ws9, ['replace', 'uidNumber', '5000']), 53, /given once/],
    [modify(samba, ws9, ['add', 'mail', 'a@example.lan']), 53, /not kept/],
    [modify(samba, ws9, ['add', 'objectClass', 'sambaSamAccount']), 65, /asks for sambaSID/],
    [modify(samba, ws9, ['add', 'objectClass', 'inetOrgPerson']), 53, /inetOrgPerson/],
    [samba.request(addRequest(`sambaSID=S-1-5-32-544,${groups}`, alias)), 19, /belongs to another/],
    [samba.request(addRequest(`sambaSID=S-1-5-32-9,${groups}`, { objectClass: 'sambaIdmapEntry' })), 65, /structural/],
    [samba.request(addRequest(`sambaSID=S-1-5-32-9,${groups}`, { objectClass: 'inetOrgPerson' })), 53, /not kept/],
    [modify(samba, anna, ['add', 'sambaKickoffTime', '99999999999999999']), 19, /no moment/],
    [modify(samba, anna, ['replace', 'sambaBadPasswordCount', '-7']), 19, /counts nothing/],
    [modify(samba, anna, ['replace', 'sambaHomePath', 'nonsense']), 19, /Home folder/],
    [modify(samba, anna, ['delete', 'sambaSID']), 65, /asks for sambaSID/],
    [modify(samba, `uid=early,${people}`, ['add', 'sambaSID', `${domain.sid}-77`]), 65, /no Windows account/],
  ]
  for (const [asked, code, why] of refused) {
    const answer = await asked
    assert.equal(answer.code, code, answer.message)
    assert.match(answer.message, why)
  }
})
