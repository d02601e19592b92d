import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { undoChange } from '../../server/accounts/undo.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { aSet, dirOn, holds, placeOn, put } from '../support/files.ts'
import { me } from '../support/people.ts'
import { type Host, type Office, passwords, startOffice } from './samba.ts'

describe('logon scripts: put on the master, run at every site', () => {
  let office: Office

  before(async () => {
    office = await startOffice()
    await aSet(office.master, 'netlogon', { kind: 'netlogon' })
    await placeOn(office.slave, 'netlogon')
    for (const host of [office.pdc, office.bdc]) {
      const conf = await host.must(['cat', '/etc/samba/smb.conf'])
      // The directory of these nodes is theirs alone; a site names one that everybody may read.
      const share = ['[netlogon]', 'path = /srv/accounts/files/netlogon', 'read only = yes', 'force user = root', '']
      await host.write('/etc/samba/smb.conf', `${conf}\n${share.join('\n')}`)
      await host.must(['smbcontrol', 'smbd', 'reload-config'])
    }
  })
  after(() => office?.end())

  const logon = (host: Host) =>
    host.run([
      'smbclient',
      `//${host.name}/netlogon`,
      '-U',
      `anna%${passwords.anna}`,
      '-c',
      'get logon.bat /tmp/logon.bat',
    ])
  const script = async (host: Host): Promise<string> => {
    const { code, out, err } = await logon(host)
    assert.equal(code, 0, `${out}${err}`)
    return host.must(['cat', '/tmp/logon.bat'])
  }
  const there = (content: string) => holds(dirOn(office.slave, 'netlogon'), { 'logon.bat': content })

  it('a script of the master is what a person gets from the netlogon share of the BDC', async () => {
    put(dirOn(office.master, 'netlogon'), 'logon.bat', 'net use h: \\\\BDC\\files\r\n')
    await there('net use h: \\\\BDC\\files\r\n')
    for (const host of [office.pdc, office.bdc]) assert.equal(await script(host), 'net use h: \\\\BDC\\files\r\n')
  })

  it('a change and its undo are there at the next logon', async () => {
    put(dirOn(office.master, 'netlogon'), 'logon.bat', 'a mistake\r\n')
    await there('a mistake\r\n')
    assert.equal(await script(office.bdc), 'a mistake\r\n')
    const { rows } = await auditPage(office.master.db, { size: 1 })
    await undoChange(office.master.db, me, rows[0]?.id as number)
    await there('net use h: \\\\BDC\\files\r\n')
    assert.equal(await script(office.bdc), 'net use h: \\\\BDC\\files\r\n')
  })

  it('nobody writes into it over the network, and a stranger does not read it', async () => {
    const anna = ['-U', `anna%${passwords.anna}`]
    const wrote = await office.bdc.run(['smbclient', '//BDC/netlogon', ...anna, '-c', 'put /etc/hostname logon.bat'])
    assert.match(`${wrote.out}${wrote.err}`, /NT_STATUS_ACCESS_DENIED/)
    const stranger = await office.bdc.run(['smbclient', '//BDC/netlogon', '-U', 'anna%wrong-password', '-c', 'ls'])
    assert.match(`${stranger.out}${stranger.err}`, /NT_STATUS_LOGON_FAILURE/)
  })
})
