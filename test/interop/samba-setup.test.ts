import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '../support/node.ts'
import { type Lan, startLan } from './lan.ts'
import type { Machine } from './machine.ts'
import type { Ran } from './programs.ts'

// Two machines with nothing but the packages: what makes a PDC and a BDC of them is “account-sync setup” and
// “account-sync samba setup” on each.

const project = fileURLToPath(new URL('../..', import.meta.url))
const program = '/opt/account-sync'
const addresses = { pdc: '10.78.0.1', bdc: '10.78.0.2' } as const
const words = { admin: 'Kastanjen-7-blommar', anna: 'Rabarber-9-saften', later: 'Blåbär-13-koppar' } as const

type Site = Machine & {
  sync: (args: readonly string[], input?: string) => Promise<Ran>
  node: ReturnType<Machine['start']>
}

const env = { ACCOUNT_SYNC_DATA: '/var/lib/account-sync' }

async function startSite(lan: Lan, name: keyof typeof addresses): Promise<Omit<Site, 'node'>> {
  const shares = [[project, program]] as const
  const machine = await lan.join('samba-nslcd', addresses[name], { name: `${name}.example.lan`, shares })
  await machine.write(
    '/etc/hosts',
    `127.0.0.1 localhost\n${Object.entries(addresses)
      .map(([host, at]) => `${at} ${host}.example.lan ${host}\n`)
      .join('')}`,
  )
  // As a package of Samba leaves it.
  await machine.must([
    'sh',
    '-c',
    'rm -rf /var/lib/samba/*.tdb /var/lib/samba/private/* && mkdir -p /run/samba /var/log/samba /var/lib/samba/private',
  ])
  await machine.write('/etc/samba/smb.conf', debianConf)
  return {
    ...machine,
    sync: (args, input = '') =>
      machine.run([`${program}/bin/account-sync.js`, ...args], { input, env, timeoutMs: 60_000 }),
  }
}

/** What Debian writes, as far as it could be in the way; and a share of the administrator. */
const debianConf = `[global]
   workgroup = WORKGROUP
   server role = standalone server
   obey pam restrictions = yes
   unix password sync = yes
   pam password change = yes
   map to guest = bad user
   load printers = no
   printcap name = /dev/null
   disable spoolss = yes
[files]
   path = /srv/files
   read only = no
`

const must = (ran: Ran): string => {
  assert.equal(ran.code, 0, `${ran.out}${ran.err}`)
  return ran.out
}

const serveNode = (site: Omit<Site, 'node'>): ReturnType<Machine['start']> =>
  site.start([`${program}/bin/account-sync.js`, 'serve', '--listen', '0.0.0.0'], { env, timeoutMs: 60_000 })

/** What the setup says is to be typed here, typed. */
async function typeWhatItSays(site: Omit<Site, 'node'>, said: string): Promise<void> {
  const lines = said.split('\n')
  const at = lines.findIndex((line) => line.includes('There is no systemd here'))
  assert.notEqual(at, -1, said)
  for (const line of lines.slice(at + 1).filter((line) => line.startsWith('  ')))
    await site.must(['sh', '-c', line.trim()])
}

const isServing = (site: Omit<Site, 'node'>): Promise<void> => {
  let last: Ran | undefined
  return until(
    async () => {
      last = await site.sync(['samba', 'status'])
      return last.code === 0 && !/^[!✗]/m.test(last.out)
    },
    60_000,
    () => `Samba does not serve: ${last?.out}${last?.err}`,
  )
}

describe('Samba, set up by one command on each machine', { concurrency: false }, () => {
  let lan: Lan
  let pdc: Site
  let bdc: Site
  const signIn = (at: Site, password: string, who = 'EXAMPLE\\anna', server = '127.0.0.1'): Promise<Ran> =>
    at.run(['smbclient', `//${server}/files`, '-U', who, '-m', 'SMB3', '-c', 'ls'], {
      input: `${password}\n`,
      env: { PASSWD: password },
    })

  before(async () => {
    lan = await startLan('none')
    const [one, two] = await Promise.all([startSite(lan, 'pdc'), startSite(lan, 'bdc')])
    for (const site of [one, two]) await site.must(['install', '-d', '-m', '1777', '/srv/files'])
    must(
      await one.sync(['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin'], `${words.admin}\n`),
    )
    pdc = { ...one, node: serveNode(one) }
    await pdc.node.said(/"msg":"serving"/)
    const key = must(await pdc.sync(['key', 'show']))
    must(await two.sync(['setup', '--mode', 'slave', '--master', addresses.pdc], key))
    bdc = { ...two, node: serveNode(two) }
    await bdc.node.said(/"msg":"serving"/)
  })
  after(async () => {
    await lan?.end()
  })

  it('a slave waits for the domain, and says so', async () => {
    const ran = await bdc.sync(['samba', 'setup', '--yes', '--wait', '1'])
    assert.equal(ran.code, 1)
    assert.match(ran.err, /Waiting for the Windows domain to come from the master/)
  })

  it('nothing is changed before somebody says yes, and what would be is shown', async () => {
    const ran = await pdc.sync(['samba', 'setup'])
    assert.equal(ran.code, 1)
    assert.match(ran.out, /\+ {4}server role = classic primary domain controller/)
    assert.match(ran.out, /bindpw \*{8}/)
    assert.match(ran.err, /Nothing was changed/)
    assert.equal(await pdc.must(['cat', '/etc/samba/smb.conf']), debianConf)
  })

  it('one command makes a PDC of the master, and the administrator’s shares stay', async () => {
    const said = must(await pdc.sync(['samba', 'setup', '--yes', '--interfaces', 'lo eth0']))
    await typeWhatItSays(pdc, said)
    await isServing(pdc)
    assert.ok((await pdc.must(['cat', '/etc/samba/smb.conf'])).startsWith(debianConf.trimEnd()))
    const again = must(await pdc.sync(['samba', 'setup', '--yes']))
    assert.match(again, /Everything is written as it should be/)
  })

  it('one command makes a BDC of the slave, without any password', async () => {
    const said = must(await bdc.sync(['samba', 'setup', '--yes', '--interfaces', 'lo eth0']))
    await typeWhatItSays(bdc, said)
    await isServing(bdc)
  })

  it('a person signs in at both', async () => {
    const add = ['user', 'add', 'anna', '--first', 'Anna', '--last', 'Akesson', '--set', 'samba.account=yes']
    must(await pdc.sync(add, `${words.anna}\n`))
    must(await signIn(pdc, words.anna))
    await until(
      async () => (await signIn(bdc, words.anna)).code === 0,
      20_000,
      () => 'anna cannot sign in at the BDC',
    )
  })

  it('a password changed at the BDC holds at the PDC', async () => {
    const typed = `${words.anna}\n${words.later}\n${words.later}\n`
    must(await bdc.run(['smbpasswd', '-s', '-r', '127.0.0.1', '-U', 'anna'], { input: typed }))
    must(await signIn(pdc, words.later))
    must(await signIn(bdc, words.later))
    assert.notEqual((await signIn(pdc, words.anna)).code, 0)
  })

  it('Samba lists the people, groups and computers that the node lists', async () => {
    for (const site of [pdc, bdc]) {
      const listed = await site.must(['pdbedit', '-L', '-v'])
      for (const name of ['anna', 'winadmin', 'pdc$', 'bdc$'])
        assert.match(listed, new RegExp(`^Unix username: +${name.replace('$', '\\$')}$`, 'm'))
      assert.match(
        await site.must(['net', 'groupmap', 'list']),
        /Domain Admins \(S-1-5-21-[\d-]+-512\) -> domain_admins/,
      )
      assert.match(await site.must(['wbinfo', '-u']), /anna/)
      assert.match(await site.must(['wbinfo', '-g']), /domain users/i)
      await site.must(['wbinfo', '-t'])
    }
  })

  it('with the master off, a person signs in at the BDC', async () => {
    await pdc.must(['pkill', '-f', 'account-sync.js serve'])
    await pdc.must(['sh', '-c', 'kill $(cat /run/samba/smbd.pid /run/samba/nmbd.pid /run/samba/winbindd.pid)'])
    must(await signIn(bdc, words.later))
  })
})
