import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { changeGroup, groupByName } from '../../server/accounts/groups.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { me } from '../support/people.ts'
import { addService, caFile, giveKey, isKnown, loginsAt, recipe, type Sshd, startSshd } from './logins.ts'
import { type Machine, startMachine } from './machine.ts'
import { newPassword, password, type Staff, startStaff } from './staff.ts'

const page = 'logins-nslcd.md'

describe('logins with nslcd, as the documentation says', () => {
  let staff: Staff
  let machine: Machine
  let logins: ReturnType<typeof loginsAt>
  let sshd: Sshd
  const get = async (...args: string[]): Promise<string[]> =>
    (await machine.must(['getent', ...args])).trim().split('\n')

  /** Takes the configuration with these lines more. */
  async function configure(...lines: string[]): Promise<void> {
    await take(`${recipe(page, '`/etc/nslcd.conf`', staff)}${lines.join('\n')}\n`)
    await isKnown(machine, 'anna')
  }

  async function take(configuration: string): Promise<void> {
    await machine.write('/etc/nslcd.conf', configuration, '600')
    await machine.run(['sh', '-c', 'kill $(cat /run/nslcd/nslcd.pid) && sleep 0.2'])
    await machine.must(['nslcd'])
  }

  before(async () => {
    const answers = 'libnss-ldapd libnss-ldapd/nsswitch multiselect passwd, group, shadow\n'
    ;[staff, machine] = await Promise.all([startStaff(), startMachine('nslcd', answers)])
    logins = loginsAt(machine)
    await machine.write(caFile, readFileSync(staff.ca, 'utf8'))
    await machine.must(['install', '-d', '-o', 'nslcd', '/run/nslcd'])
    await machine.must(['pam-auth-update', '--enable', 'mkhomedir'])
    await addService(machine, 'ftp')
    await addService(machine, 'printing')
    await configure()
    const keysOf = '/usr/local/sbin/ssh-keys-of'
    await machine.write(keysOf, recipe(page, keysOf, staff), '755')
    await machine.write('/etc/ssh/ldap-password', staff.reader.password, '400')
    await machine.must(['chown', 'nslcd', '/etc/ssh/ldap-password'])
    await giveKey(machine, staff, ['anna', 'disa'])
    sshd = await startSshd(machine, recipe(page, '`/etc/ssh/sshd_config`', staff))
  })
  after(async () => {
    await machine?.end()
    await staff?.close()
  })

  it('getent lists people, and finds one by name or by number', async () => {
    const anna = 'anna:x:2001:63000:Anna Akesson:/home/anna:/bin/bash'
    assert.deepEqual(await get('passwd', 'anna'), [anna])
    assert.deepEqual(await get('passwd', '2001'), [anna])
    const all = (await get('passwd')).filter((line) => line.split(':')[3] === '63000')
    assert.deepEqual(all.map((line) => line.split(':')[0]).sort(), [
      ...['admin', 'anna', 'berit', 'chief', 'disa', 'emil', 'mia'],
    ])
    assert.equal((await machine.run(['getent', 'passwd', 'nobody-here'])).code, 2)
  })

  it('getent lists groups with everybody who is in them through others', async () => {
    const membersOf = (line = ''): string[] => (line.split(':')[3] ?? '').split(',').sort()
    const [site = ''] = await get('group', 'site_malmo')
    assert.deepEqual(membersOf(site), ['anna', 'berit'])
    const [, , number = ''] = site.split(':')
    assert.deepEqual(membersOf((await get('group', number))[0]), ['anna', 'berit'])
    const all = await get('group')
    assert.deepEqual(membersOf(all.find((line) => line.startsWith('ftp_plugin:'))), ['anna', 'disa', 'emil', 'mia'])
    assert.equal(membersOf(all.find((line) => line.startsWith('allusers:'))).length, 7)
  })

  it('getent shows the shadow of an account that is closed as expired, and never a hash', async () => {
    const shadow = new Map((await get('shadow')).map((line) => [line.split(':')[0], line.split(':')]))
    assert.equal(shadow.get('anna')?.[1], '*')
    assert.deepEqual(
      ['anna', 'disa', 'emil'].map((username) => shadow.get(username)?.[7]),
      ['', '1', '1'],
    )
  })

  it('id names groups within groups, and those of plugins', async () => {
    const groupsOf = async (username: string): Promise<string[]> =>
      (await machine.must(['id', '-Gn', username])).trim().split(' ').sort()
    assert.deepEqual(await groupsOf('anna'), ['allusers', 'engineers', 'ftp_plugin', 'site_malmo'])
    assert.deepEqual(await groupsOf('berit'), ['allusers', 'site_malmo'])
  })

  it('a change is seen by the next question', async () => {
    const { id } = await groupByName(staff.node.db, 'engineers')
    await changeGroup(staff.node.db, me, id, { name: 'builders' })
    assert.equal((await machine.run(['getent', 'group', 'engineers'])).code, 2)
    assert.match((await get('group', 'builders'))[0]!, /:anna$/)
  })

  it('su lets in with the right password, into a home of one’s own', async () => {
    const { code, out } = await logins.su('anna', [password], 'id -un; stat -c %U ~')
    assert.deepEqual([code, out], [0, 'anna\nanna\n'])
  })

  it('su lets in nobody with a wrong password, nor who is disabled, ended or unknown', async () => {
    const tries = [
      ['anna', 'wrong'],
      ...['disa', 'emil', 'nobody-here'].map((username) => [username, password]),
    ] as const
    const all = await Promise.all(tries.map(([username = '', typed = '']) => logins.su(username, [typed])))
    assert.deepEqual(
      all.map(({ code, out }) => [code, out]),
      tries.map(() => [1, '']),
    )
  })

  it('a login asks for a new password where one must be set, and sets it', async () => {
    const { code, out, err } = await logins.su('mia', [password, newPassword, newPassword])
    assert.deepEqual([code, out], [0, 'mia\n'], err)
    const again = await logins.su('mia', [newPassword])
    assert.deepEqual([again.code, again.out], [0, 'mia\n'])
  })

  it('passwd changes the password everywhere, and says what is wrong with a new one', async () => {
    const weak = await logins.passwd('berit', [password, 'password1', 'password1'])
    assert.notEqual(weak.code, 0)
    assert.match(weak.out + weak.err, /easy to guess/)
    const { code, err } = await logins.passwd('berit', [password, newPassword, newPassword])
    assert.equal(code, 0, err)
    assert.equal((await logins.su('berit', [newPassword])).code, 0)
    const client = ['-x', '-H', staff.secureUrl, '-D', `uid=berit,ou=Users,ou=Accounts,dc=example,dc=lan`]
    const env = { LDAPTLS_CACERT: caFile }
    assert.equal((await machine.run(['ldapwhoami', ...client, '-w', newPassword], { env })).code, 0)
    assert.equal((await machine.run(['ldapwhoami', ...client, '-w', password], { env })).code, 49)
  })

  it('SSH lets in by password', async () => {
    const { code, out, err } = await sshd.withPassword('anna', password)
    assert.equal(code, 0, err)
    assert.deepEqual(out.trim().split(' ').sort(), ['allusers', 'builders', 'ftp_plugin', 'site_malmo'])
    assert.notEqual((await sshd.withPassword('anna', 'wrong')).code, 0)
  })

  it('SSH lets in by a key of one’s own, but nobody who is disabled', async () => {
    assert.equal((await sshd.withKey('anna')).code, 0)
    assert.notEqual((await sshd.withKey('disa')).code, 0)
    assert.notEqual((await sshd.withKey('berit')).code, 0)
    const { id } = await userByUsername(staff.node.db, 'disa')
    await setStatus(staff.node.db, me, id, 'enabled')
    assert.equal((await sshd.withKey('disa')).code, 0)
  })

  it('a service lets in who has its plugin, a machine who is in its group', async () => {
    const ofGroup = recipe(page, 'To a machine,', staff)
    const ofPlugin = recipe(page, 'To a service,', staff)
    const may = async (service: string, username: string, typed: string): Promise<boolean> =>
      (await logins.service(service, username, [typed])).code === 0
    await configure(ofPlugin)
    assert.equal(await may('ftp', 'anna', password), true)
    assert.equal(await may('ftp', 'berit', newPassword), false)
    assert.equal(await may('printing', 'anna', password), false)
    await configure(ofGroup)
    assert.equal(await may('printing', 'berit', newPassword), true)
    assert.equal(await may('printing', 'mia', newPassword), false)
    await configure()
    assert.equal(await may('printing', 'mia', newPassword), true)
  })
  it('StartTLS does as well, and without trust there is nobody', async () => {
    const startTls = recipe(page, '`/etc/nslcd.conf`', staff).replace(staff.secureUrl, staff.url)
    await take(`${startTls}ssl start_tls\n`)
    await isKnown(machine, 'anna')
    assert.equal((await logins.su('anna', [password])).code, 0)
    await machine.must(['cp', '/etc/ssl/certs/ca-certificates.crt', caFile])
    await take(`${startTls}ssl start_tls\nreconnect_retrytime 1\n`)
    assert.equal((await machine.run(['getent', 'passwd', 'anna'])).code, 2)
    assert.notEqual((await logins.su('anna', [password])).code, 0)
  })
})
