import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type ConfOptions,
  netbiosName,
  serverNameProblem,
  smbConf,
  withInclude,
} from '../../server/samba/setup/conf.ts'
import { serviceIn, withSource } from '../../server/samba/setup/name-service.ts'

const pdc: ConfOptions = {
  kind: 'pdc',
  domain: 'EXAMPLE',
  server: 'PDC',
  ldapUrl: 'ldap://127.0.0.1:3890',
  baseDn: 'dc=example,dc=lan',
  adminDn: 'cn=samba-pdc,ou=Internal,dc=example,dc=lan',
  nameService: 'nslcd',
  addMachine: 'account-sync samba add-machine %u',
}

describe('settings of Samba', () => {
  test('a PDC is the WINS server, a BDC asks it, a file server takes part in no logons', () => {
    assert.match(
      smbConf(pdc),
      /server role = classic primary domain controller\n[\s\S]*wins support = yes\n[\s\S]*\[netlogon\]/,
    )
    const bdc = smbConf({ ...pdc, kind: 'bdc', pdc: '10.1.0.1' })
    assert.match(bdc, /server role = classic backup domain controller\n[\s\S]*wins server = 10\.1\.0\.1\n/)
    const files = smbConf({ ...pdc, kind: 'file-server' })
    assert.match(files, /disable netbios = yes/)
    assert.doesNotMatch(files, /netlogon|wins/)
  })

  test('with winbind no script adds computers: it could not see them', () => {
    assert.match(smbConf(pdc), /add machine script = account-sync samba add-machine %u/)
    assert.doesNotMatch(smbConf({ ...pdc, nameService: 'winbind' }), /add machine script/)
  })

  test('smb.conf keeps what it has; ours is included once, behind it', () => {
    const own = '[global]\n   server role = standalone server\n[files]\n   path = /srv\n'
    const once = withInclude(own, '/etc/samba/account-sync.conf')
    assert.ok(once.startsWith(own))
    assert.match(once, /\[global\]\n {3}include = \/etc\/samba\/account-sync\.conf\n# .*end\n$/)
    assert.equal(withInclude(once, '/etc/samba/account-sync.conf'), once)
    assert.equal(withInclude(`${once}[more]\n   path = /srv/more\n`, '/x').match(/include/g)?.length, 1)
  })

  test('a NetBIOS name comes of the host name, and is not that of the domain', () => {
    assert.equal(netbiosName('gw-malmo.example.lan'), 'GW-MALMO')
    assert.equal(netbiosName('a-very-long-host-name'), 'A-VERY-LONG-HOS')
    assert.match(serverNameProblem('EXAMPLE', 'EXAMPLE') ?? '', /cannot both be called EXAMPLE/)
    assert.match(serverNameProblem('fs 1', 'EXAMPLE') ?? '', /1–15 of/)
    assert.equal(serverNameProblem('FS-1', 'EXAMPLE'), undefined)
  })

  test('nsswitch.conf asks for people and groups behind what it asks already, once', () => {
    const before = 'passwd:         files systemd\ngroup:  files # ours\nhosts: files dns\n'
    const after = 'passwd:         files systemd ldap\ngroup:  files ldap# ours\nhosts: files dns\n'
    assert.equal(withSource(before, 'nslcd').replace('ldap #', 'ldap#'), after)
    assert.equal(withSource(after, 'nslcd'), after)
    assert.equal(serviceIn(before), undefined)
    assert.equal(serviceIn(after), 'nslcd')
    assert.equal(serviceIn('passwd: files winbind # ldap\n'), 'winbind')
    assert.match(withSource('hosts: dns\n', 'winbind'), /passwd: files winbind\ngroup: files winbind\n$/)
  })
})
