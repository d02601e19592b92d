import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { addUser, userByUsername } from '../../server/accounts/users.ts'
import { startNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { addService, caFile, giveKey, isKnown, loginsAt, recipe, type Sshd, startSshd } from './logins.ts'
import { type Machine, startMachine } from './machine.ts'
import { newPassword, password, type Staff, startStaff } from './staff.ts'

const page = 'logins-sssd.md'

describe('logins with sssd, as the documentation says', () => {
  let staff: Staff
  let machine: Machine
  let logins: ReturnType<typeof loginsAt>
  let sshd: Sshd
  const sorted = (out: string, by = ' '): string[] => out.trim().split(by).sort()
  const membersOf = async (group: string): Promise<string[]> =>
    sorted((await machine.must(['getent', 'group', group])).trim().split(':')[3] ?? '', ',')

  /** Takes a configuration with some settings more, or others, beginning with nothing kept. */
  async function configure(...settings: string[]): Promise<void> {
    await machine.write('/etc/sssd/sssd.conf', changed(recipe(page, '`/etc/sssd/sssd.conf`', staff), settings), '600')
    await machine.run(['sh', '-c', 'kill $(cat /run/sssd.pid) && while [ -e /run/sssd.pid ]; do sleep 0.1; done'])
    await machine.run(['sh', '-c', 'rm -f /var/lib/sss/db/* /var/lib/sss/mc/*'])
    machine.start(['sssd', '-i', '--logger=stderr'])
    // Written once everything of it runs; what is asked before is kept as an answer of nothing.
    await machine.must(['sh', '-c', 'until [ -s /run/sssd.pid ]; do sleep 0.1; done'])
    await isKnown(machine, 'anna')
  }

  before(async () => {
    ;[staff, machine] = await Promise.all([startStaff(), startMachine('sssd')])
    logins = loginsAt(machine)
    await changePolicy(staff.node.db, me, { history: '3' })
    await machine.write(caFile, readFileSync(staff.ca, 'utf8'))
    await machine.must(['pam-auth-update', '--enable', 'mkhomedir'])
    await addService(machine, 'ftp')
    await giveKey(machine, staff, ['anna', 'disa'])
    await configure('enumerate = true', 'ldap_enumeration_refresh_offset = 0')
    sshd = await startSshd(machine, recipe(page, '`/etc/ssh/sshd_config`', staff))
  })
  after(async () => {
    await machine?.end()
    await staff?.close()
  })

  it('getent finds people and groups by name and by number', async () => {
    const anna = 'anna:*:2001:63000:Anna Akesson:/home/anna:/bin/bash\n'
    assert.equal(await machine.must(['getent', 'passwd', 'anna']), anna)
    assert.equal(await machine.must(['getent', 'passwd', '2001']), anna)
    assert.deepEqual(await membersOf('site_malmo'), ['anna', 'berit'])
    assert.deepEqual(await membersOf('63000'), ['admin', 'anna', 'berit', 'chief', 'disa', 'emil', 'mia'])
    assert.equal((await machine.run(['getent', 'passwd', 'nobody-here'])).code, 2)
  })

  it('id names groups within groups, and those of plugins', async () => {
    const groupsOf = async (username: string) => sorted(await machine.must(['id', '-Gn', username]))
    assert.deepEqual(await groupsOf('anna'), ['allusers', 'engineers', 'ftp_plugin', 'site_malmo'])
    assert.deepEqual(await groupsOf('berit'), ['allusers', 'site_malmo'])
  })

  it('su lets in with the right password, into a home of one’s own', async () => {
    const { code, out, err } = await logins.su('anna', [password], 'id -un; stat -c %U ~')
    assert.deepEqual([code, out], [0, 'anna\nanna\n'], err)
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
    const { code, out, err } = await logins.su('mia', [password, password, newPassword, newPassword])
    assert.deepEqual([code, out], [0, 'Password expired. Change your password now.\nmia\n'], err)
    const again = await logins.su('mia', [newPassword])
    assert.deepEqual([again.code, again.out], [0, 'mia\n'])
  })

  it('passwd changes the password everywhere, and says what the node has against a new one', async () => {
    const { code, err } = await logins.passwd('berit', [password, newPassword, newPassword])
    assert.equal(code, 0, err)
    assert.equal((await logins.su('berit', [newPassword])).code, 0)
    const back = await logins.passwd('berit', [newPassword, password, password])
    assert.notEqual(back.code, 0)
    assert.match(back.out + back.err, /password of yours before/)
    const client = ['-x', '-H', staff.secureUrl, '-D', 'uid=berit,ou=Users,ou=Accounts,dc=example,dc=lan']
    const env = { LDAPTLS_CACERT: caFile }
    assert.equal((await machine.run(['ldapwhoami', ...client, '-w', newPassword], { env })).code, 0)
    assert.equal((await machine.run(['ldapwhoami', ...client, '-w', password], { env })).code, 49)
  })

  it('SSH lets in by password', async () => {
    const { code, out, err } = await sshd.withPassword('anna', password)
    assert.equal(code, 0, err)
    assert.deepEqual(sorted(out), ['allusers', 'engineers', 'ftp_plugin', 'site_malmo'])
    assert.notEqual((await sshd.withPassword('anna', 'wrong')).code, 0)
  })

  it('SSH lets in by a key of one’s own, but nobody who is disabled', async () => {
    assert.match(await machine.must(['sss_ssh_authorizedkeys', 'anna']), /^ssh-ed25519 AAAA\S+ laptop$/m)
    assert.equal((await sshd.withKey('anna')).code, 0)
    assert.notEqual((await sshd.withKey('berit')).code, 0)
    assert.notEqual((await sshd.withKey('disa')).code, 0)
    const { id } = await userByUsername(staff.node.db, 'disa')
    await setStatus(staff.node.db, me, id, 'enabled')
    await machine.must(['sss_cache', '-E'])
    assert.equal((await sshd.withKey('disa')).code, 0)
  })

  it('with enumeration, getent lists everybody', async () => {
    // Not asked before: sssd keeps an empty list for two minutes.
    const isListed = async () =>
      /Cached in InfoPipe|Cache entry creation date/.test((await machine.run(['sssctl', 'user-show', 'chief'])).out)
    await until(isListed, 30_000)
    const people = sorted(await machine.must(['getent', '-s', 'sss', 'passwd']), '\n').map((line) => line.split(':')[0])
    assert.deepEqual(people, ['admin', 'anna', 'berit', 'chief', 'disa', 'emil', 'mia'])
  })

  it('while the node is away, who has been here before still gets in', async () => {
    const { node } = staff
    const ports = { 'ldaps-port': `${node.ldapsPort}`, 'ldap-port': `${node.ports().ldap}` }
    await node.stop()
    const here = await logins.su('anna', [password])
    assert.deepEqual([here.code, here.out], [0, 'anna\n'], here.err)
    const [wrong, never] = await Promise.all([logins.su('anna', ['wrong']), logins.su('chief', [password])])
    assert.notEqual(wrong.code, 0)
    assert.notEqual(never.code, 0)
    staff.node = await startNode(node.dir, ports)
    await addUser(staff.node.db, me, { username: 'nils', first: 'Nils', last: 'Ny', password })
    await machine.run(['sh', '-c', 'kill -USR2 $(cat /run/sssd.pid)'])
    await isKnown(machine, 'nils')
  })
  it('with rfc2307 and StartTLS it is the same, and a plugin decides who comes in', async () => {
    const settings = `${recipe(page, '## StartTLS', staff)}${recipe(page, '## Who may come in', staff)}`
    await configure('ldap_schema = rfc2307', ...settings.trim().split('\n'))
    assert.deepEqual(await membersOf('site_malmo'), ['anna', 'berit'])
    const groups = sorted(await machine.must(['id', '-Gn', 'anna']))
    assert.deepEqual(groups, ['allusers', 'engineers', 'ftp_plugin', 'site_malmo'])
    assert.equal((await logins.service('ftp', 'anna', [password])).code, 0)
    const berit = await logins.service('ftp', 'berit', [newPassword])
    assert.match(berit.out + berit.err, /Permission denied/)
  })
})

/** Settings of the last section, in the place of those of the same name. */
function changed(text: string, settings: readonly string[]): string {
  const nameOf = (line: string): string => line.split(' = ')[0]!
  const names = new Set(settings.map(nameOf))
  const kept = text.split('\n').filter((line) => line === '' || !names.has(nameOf(line)))
  return `${[...kept, ...settings].join('\n')}\n`
}
