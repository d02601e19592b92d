import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { policies } from '../../server/accounts/policies.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { setPassword, userByUsername } from '../../server/accounts/users.ts'
import { machineByName } from '../../server/samba/machines.ts'
import { caughtUp, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { ldapSignIn } from '../support/process.ts'
import { type Host, type Office, opensFor, passwords, startDaemons, startOffice, stopDaemons } from './samba.ts'

describe('real Samba: a PDC at the master, a BDC at a slave, a member of their domain', () => {
  let office: Office
  let pdc: Host
  let bdc: Host
  let member: Host
  const kept = { ...passwords } as Record<string, string>

  before(async () => {
    office = await startOffice()
    ;({ pdc, bdc, member } = office)
  })
  after(() => office?.end())

  async function refused(host: Host, who: string, password: string, status: string): Promise<void> {
    const { code, out, err } = await host.smb(who, password)
    assert.notEqual(code, 0, `${who} got in`)
    assert.match(`${out}${err}`, new RegExp(status))
  }
  const person = (username: string) => userByUsername(office.master.db, username)
  const lines = async (host: Host, ...command: string[]): Promise<string[]> =>
    (await host.must(command)).split('\n').filter(Boolean)

  it('a person signs in at the PDC by any spelling of the name, and owns what they put there', async () => {
    await opensFor(pdc, 'anna', passwords.anna)
    const put = await pdc.smb('ANNA', passwords.anna, 'put /etc/hostname anna.txt')
    assert.equal(put.code, 0, put.out)
    const { uidNumber } = await person('anna')
    assert.equal((await pdc.must(['stat', '-c', '%u', '/srv/files/anna.txt'])).trim(), `${uidNumber}`)
    await refused(pdc, 'anna', 'not-the-password', 'NT_STATUS_LOGON_FAILURE')
    await refused(pdc, 'nobody-here', 'not-the-password', 'NT_STATUS_LOGON_FAILURE')
  })

  it('lists of Samba show the people and the groups that the pages show', async () => {
    const listed = await lines(pdc, 'pdbedit', '-L')
    const users = listed.map((line) => line.split(':')[0]).sort()
    assert.deepEqual(users, ['anna', 'bdc$', 'bert', 'winadmin', 'ws1$'])
    const maps = await pdc.must(['net', 'groupmap', 'list'])
    assert.match(maps, /Domain Admins \(S-1-5-21-[\d-]+-512\) -> domain admins/)
    assert.match(maps, /Administrators \(S-1-5-32-544\) -> BUILTIN/)
    assert.match(maps, /sales \(S-1-5-21-/)
    const rpc = await pdc.rpc('enumdomusers;enumdomgroups;queryaliasmem builtin 544;lookupnames anna sales')
    assert.match(rpc, /user:\[anna\]/)
    assert.match(rpc, /group:\[Domain Users\] rid:\[0x201\]/)
    assert.match(rpc, /sid:\[S-1-5-21-[\d-]+-512\]/)
    assert.match(rpc, /sales S-1-5-21-[\d-]+ \(Domain Group: 2\)/)
    const members = await pdc.net('rpc', 'group', 'members', 'sales', '-S', 'PDC')
    assert.deepEqual(members.out.match(/\\\w+/g)?.sort(), ['\\anna', '\\bert'])
    const everybody = await pdc.net('rpc', 'group', 'members', 'Domain Users', '-S', 'PDC')
    assert.deepEqual(everybody.out.match(/\\\w+/g)?.sort(), ['\\anna', '\\bert', '\\winadmin'])
  })

  it('the policy of everyone is the account policy of the domain, from either side', async () => {
    assert.match(await pdc.must(['pdbedit', '-P', 'bad lockout attempt']), /value is: 3/)
    await pdc.must(['pdbedit', '-P', 'min password length', '-C', '9'])
    assert.equal((await policies(office.master.db)).first.policy.minLength, 9)
    const tooShort = await pdc.run(['pdbedit', '-P', 'min password length', '-C', '4'])
    assert.equal((await policies(office.master.db)).first.policy.minLength, 9, tooShort.out)
  })

  it('who changes the password from Windows has it everywhere', async () => {
    const next = 'Krusbären-13-burkar'
    const typed = `${kept.anna}\n${next}\n${next}\n`
    await pdc.must(['smbpasswd', '-s', '-r', '127.0.0.1', '-U', 'anna'], { input: typed })
    kept.anna = next
    assert.ok(await ldapSignIn(office.master.ports().ldap as number, 'anna', next))
    assert.equal(await ldapSignIn(office.master.ports().ldap as number, 'anna', passwords.anna), false)
    await opensFor(pdc, 'anna', next)
    await refused(pdc, 'anna', passwords.anna, 'NT_STATUS_LOGON_FAILURE')
    const back = `${next}\n${passwords.anna}\n${passwords.anna}\n`
    const again = await pdc.run(['smbpasswd', '-s', '-r', '127.0.0.1', '-U', 'anna'], { input: back })
    assert.notEqual(again.code, 0, 'a password came back that history refuses')
    await opensFor(pdc, 'anna', next)
  })

  it('a password from the pages opens Windows, and an administrator of the domain resets one', async () => {
    await setPassword(office.master.db, me, (await person('bert')).id, 'Havtorn-17-flaskor', { mustChange: false })
    await opensFor(pdc, 'bert', 'Havtorn-17-flaskor')
    await pdc.rpc('setuserinfo2 bert 24 Slånbär-19-korgar')
    kept.bert = 'Slånbär-19-korgar'
    await opensFor(pdc, 'bert', kept.bert)
  })

  it('an account disabled on either side is so on both', async () => {
    const { id } = await person('bert')
    await setStatus(office.master.db, me, id, 'disabled')
    await refused(pdc, 'bert', kept.bert!, 'NT_STATUS_ACCOUNT_DISABLED')
    await pdc.must(['net', 'sam', 'set', 'disabled', 'bert', 'no'])
    assert.equal((await person('bert')).status, 'enabled')
    await opensFor(pdc, 'bert', kept.bert!)
  })

  it('a BDC joins, signs people in, and has the master change a password', async () => {
    const joined = await bdc.net('rpc', 'join', 'bdc', '-S', 'PDC')
    assert.match(`${joined.out}${joined.err}`, /Joined/)
    assert.equal((await machineByName(office.master.db, 'bdc')).kind, 'server')
    await opensFor(bdc, 'anna', kept.anna!)
    await refused(bdc, 'anna', 'not-the-password', 'NT_STATUS_LOGON_FAILURE')
    const next = 'Nypon-23-kannor'
    const typed = `${kept.anna}\n${next}\n${next}\n`
    await bdc.must(['smbpasswd', '-s', '-r', '127.0.0.1', '-U', 'anna'], { input: typed })
    kept.anna = next
    await opensFor(pdc, 'anna', next)
    await opensFor(bdc, 'anna', next)
  })

  it('wrong passwords at the BDC lock the account at both, and on its page; unlocking opens it', async () => {
    // Samba's memory of wrong passwords knows whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1100))
    for (let tries = 0; tries < 3; tries++) await refused(bdc, 'bert', 'not-the-password', 'NT_STATUS_LOGON_FAILURE')
    await until(async () => (await person('bert')).lockedUntil !== undefined)
    await refused(pdc, 'bert', kept.bert!, 'NT_STATUS_ACCOUNT_LOCKED_OUT')
    assert.equal(await ldapSignIn(office.master.ports().ldap as number, 'bert', kept.bert!), false)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    await setStatus(office.master.db, me, (await person('bert')).id, 'enabled')
    await caughtUp(office.slave, office.master)
    await opensFor(pdc, 'bert', kept.bert!)
    await opensFor(bdc, 'bert', kept.bert!)
  })

  it('a member joins, knows the people of the domain, changes its secret and joins again', async () => {
    const joined = await member.net('rpc', 'join', '-S', 'PDC')
    assert.match(`${joined.out}${joined.err}`, /Joined/)
    const first = await machineByName(office.master.db, 'ws1')
    await startDaemons(member)
    await until(async () => /succeeded/.test((await member.run(['wbinfo', '-t'])).out), 15_000)
    assert.ok((await lines(member, 'wbinfo', '-u')).includes('EXAMPLE\\anna'))
    assert.ok((await lines(member, 'wbinfo', '-g')).includes('EXAMPLE\\sales'))
    const id = await member.must(['id', 'EXAMPLE\\anna'])
    assert.match(id, /EXAMPLE\\domain users/)
    assert.match(id, /EXAMPLE\\sales/)
    await opensFor(member, 'EXAMPLE\\anna', kept.anna!)
    await member.must(['wbinfo', '-c'])
    const second = await machineByName(office.master.db, 'ws1')
    assert.equal(second.sid, first.sid)
    await member.must(['wbinfo', '-t'])
    assert.match((await member.net('rpc', 'join', '-S', 'PDC')).out, /Joined/)
    assert.equal((await machineByName(office.master.db, 'ws1')).sid, first.sid)
  })

  it('with the master switched off people sign in at the BDC, also after a mistyped password', async () => {
    await caughtUp(office.slave, office.master)
    await office.master.stop()
    await stopDaemons(pdc)
    await opensFor(bdc, 'anna', kept.anna!)
    await refused(bdc, 'anna', 'not-the-password', 'NT_STATUS_LOGON_FAILURE')
    await opensFor(bdc, 'anna', kept.anna!)
    await refused(bdc, 'nobody-here', 'not-the-password', 'NT_STATUS_LOGON_FAILURE')
    const typed = `${kept.anna}\nBlåbär-29-hinkar\nBlåbär-29-hinkar\n`
    const change = await bdc.run(['smbpasswd', '-s', '-r', '127.0.0.1', '-U', 'anna'], { input: typed })
    assert.notEqual(change.code, 0, 'a password was changed that no master has')
    await opensFor(bdc, 'anna', kept.anna!)
  })
})
