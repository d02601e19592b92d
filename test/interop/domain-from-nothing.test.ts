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
const addresses = {
  pdc: '10.78.0.1',
  bdc: '10.78.0.2',
  ws1: '10.78.0.3',
  ws2: '10.78.0.4',
  files: '10.78.0.5',
} as const
const words = {
  admin: 'Kastanjen-7-blommar',
  winadmin: 'Slånbär-19-korgar',
  anna: 'Rabarber-9-saften',
  later: 'Blåbär-13-koppar',
} as const

type Site = Machine & {
  sync: (args: readonly string[], input?: string) => Promise<Ran>
  node: ReturnType<Machine['start']>
}

const env = { ACCOUNT_SYNC_DATA: '/var/lib/account-sync' }

/** As a member of the domain is set, before it joins. */
async function startMember(name: 'ws1' | 'ws2'): Promise<Machine> {
  const machine = await lan.join('samba-nslcd', addresses[name], { name })
  const conf = `[global]\nworkgroup = EXAMPLE\nsecurity = domain\nnetbios name = ${name.toUpperCase()}\nidmap config * : range = 70000-79999\n`
  await machine.must(['sh', '-c', 'rm -rf /var/lib/samba/*.tdb /var/lib/samba/private/*; mkdir -p /run/samba'])
  await machine.write('/etc/samba/smb.conf', conf)
  await machine.write('/etc/samba/lmhosts', `${addresses.pdc} PDC\n${addresses.pdc} EXAMPLE#1b\n${addresses.bdc} BDC\n`)
  await machine.write('/etc/hosts', `127.0.0.1 localhost\n${addresses.pdc} pdc\n${addresses.bdc} bdc\n`)
  return machine
}

async function asAdmin(at: Machine, command: readonly string[]): Promise<string> {
  const who = `username = winadmin\npassword = ${words.winadmin}\ndomain = EXAMPLE\n`
  await at.write('/etc/samba/winadmin', who, '600')
  return at.must([...command, '-A', '/etc/samba/winadmin'])
}

let lan: Lan

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

/** As much of systemd as the setup asks for: it notes what it is told, and starts daemons. */
const systemctl = `#!/bin/sh
echo "$*" >>/var/log/systemctl
[ "$1" = restart ] || exit 0
case $2 in
  winbind) pid=/run/samba/winbindd.pid run='winbindd -D' ;;
  nslcd) pid=/run/nslcd/nslcd.pid run='nslcd' ;;
  *) pid=/run/samba/$2.pid run="$2 -D" ;;
esac
[ -e $pid ] && kill "$(cat $pid)" && sleep 1
exec $run
`

async function haveSystemd(site: Site): Promise<void> {
  await site.must(['mkdir', '-p', '/run/systemd/system', '/usr/local/sbin'])
  await site.write('/usr/local/sbin/systemctl', systemctl, '755')
}

/** The role that the node has written down where its path unit says. */
async function rolesOf(site: Site): Promise<{ file: string; role: string }> {
  const file = `${env.ACCOUNT_SYNC_DATA}/samba-role`
  return { file, role: (await site.must(['cat', file])).trim() }
}

/** Runs the service once the file has changed that its path unit names. */
async function asSystemdWould(site: Site, role: string): Promise<void> {
  const unit = (kind: string) => site.must(['cat', `/etc/systemd/system/account-sync-samba.${kind}`])
  const { file } = await rolesOf(site)
  assert.match(await unit('path'), new RegExp(`^PathChanged=${file}$`, 'm'))
  let last = ''
  await until(
    async () => {
      last = (await rolesOf(site)).role
      return last === role
    },
    20_000,
    () => `it is to be “${last}”, not “${role}”`,
  )
  const command = /^ExecStart=(.*)$/m.exec(await unit('service'))?.[1] ?? ''
  const ran = await site.run(['sh', '-c', command], { timeoutMs: 90_000 })
  assert.equal(ran.code, 0, `${ran.out}${ran.err}`)
}

describe('Samba, set up by one command on each machine', { concurrency: false }, () => {
  let pdc: Site
  let bdc: Site
  const signIn = (at: Machine, password: string, who = 'EXAMPLE\\anna', server = '127.0.0.1'): Promise<Ran> =>
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

  it('settings that somebody has changed are said, and put right by the same command', async () => {
    await pdc.must(['sed', '-i', 's/os level = 65/os level = 20/', '/etc/samba/account-sync.conf'])
    assert.match(
      must(await pdc.sync(['samba', 'status'])),
      /! Settings +Not as the node has them: \/etc\/samba\/account-sync.conf/,
    )
    await typeWhatItSays(pdc, must(await pdc.sync(['samba', 'setup', '--yes'])))
    await isServing(pdc)
    await pdc.must(['sed', '-i', 's/primary domain/backup domain/', '/etc/samba/account-sync.conf'])
    const other = await pdc.sync(['samba', 'status'])
    assert.equal(other.code, 1)
    assert.match(other.out, /Settings +Samba is set as a BDC, and is to be the PDC now/)
    await typeWhatItSays(pdc, must(await pdc.sync(['samba', 'setup', '--yes'])))
    await isServing(pdc)
  })

  it('one command makes a BDC of the slave, without any password', async () => {
    const by = ['--name-service', 'winbind', '--interfaces', 'lo eth0']
    const said = must(await bdc.sync(['samba', 'setup', '--yes', ...by]))
    assert.match(await bdc.must(['cat', '/etc/nsswitch.conf']), /^passwd:.* winbind$/m)
    await typeWhatItSays(bdc, said)
    await isServing(bdc)
    assert.match(must(await bdc.sync(['samba', 'setup', '--yes'])), /Everything is written as it should be/)
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

  it('a logon script that is put at the master is in the share netlogon of the BDC, and follows it', async () => {
    const script = '/var/lib/samba/netlogon/logon.bat'
    let last: Ran | undefined
    const fetched = async (at: Machine) => {
      last = await at.run(
        ['smbclient', '//127.0.0.1/netlogon', '-U', 'EXAMPLE\\anna', '-m', 'SMB3', '-c', 'get logon.bat -'],
        { env: { PASSWD: words.later } },
      )
      return last.out
    }
    for (const content of ['net use h: \\\\pdc\\homes', 'net use g: \\\\bdc\\homes']) {
      await pdc.write(script, `${content}\r\n`, '644')
      for (const site of [pdc, bdc])
        await until(
          async () => (await fetched(site)).includes(content),
          20_000,
          () => `the script did not come: ${last?.out}${last?.err}`,
        )
    }
    await pdc.must(['rm', script])
    await until(
      async () => (await bdc.run(['test', '-e', script])).code !== 0,
      20_000,
      () => 'the script did not go',
    )
  })

  it('Samba lists the people, groups and computers that the node lists', async () => {
    must(await pdc.sync(['user', 'password', 'winadmin'], `${words.winadmin}\n`))
    must(await pdc.sync(['user', 'change', 'winadmin', '--no-must-change']))
    const people = JSON.parse(must(await pdc.sync(['user', 'list', '--json'])))
      .map(({ username }: { username: string }) => username)
      .filter((username: string) => username !== 'admin')
      .sort()
    const computers: { name: string; sid: string }[] = JSON.parse(must(await pdc.sync(['samba', 'machines', '--json'])))
    assert.deepEqual(people, ['anna', 'winadmin'])
    for (const site of [pdc, bdc]) {
      const listed = await site.must(['pdbedit', '-L', '-v'])
      const names = [...listed.matchAll(/^Unix username: +(\S+)$/gm)].map(([, name]) => name)
      assert.deepEqual(names.sort(), [...people, ...computers.map(({ name }) => name)].sort())
      for (const { sid } of computers) assert.ok(listed.includes(`${sid}\n`), sid)
      const groups = await site.must(['net', 'groupmap', 'list'])
      assert.match(groups, /Domain Admins \(S-1-5-21-[\d-]+-512\) -> domain[_ ]admins/)
      const users = await asAdmin(site, ['net', 'rpc', 'user', '-S', '127.0.0.1'])
      assert.deepEqual(users.split('\n').filter(Boolean).sort(), people)
      const rpc = await asAdmin(site, ['rpcclient', '127.0.0.1', '-c', 'enumdomusers;enumdomgroups'])
      assert.match(rpc, /user:\[anna\][\s\S]*group:\[Domain Users\] rid:\[0x201\]/)
      assert.match(await site.must(['wbinfo', '-u']), /anna/)
      assert.match(await site.must(['wbinfo', '-g']), /domain users/i)
      await site.must(['wbinfo', '-t'])
    }
  })

  it('a computer that nobody has added joins at the PDC', async () => {
    const ws1 = await startMember('ws1')
    assert.match(await asAdmin(ws1, ['net', 'rpc', 'join', '-S', addresses.pdc]), /Joined 'WS1' to domain 'EXAMPLE'/)
    const listed = must(await bdc.sync(['samba', 'machines', '--json']))
    const [joined] = JSON.parse(listed).filter(({ name }: { name: string }) => name === 'ws1$')
    assert.match(joined.sid, /^S-1-5-21-/)
    assert.equal(joined.flags, '[WX         ]')
  })

  it('where winbind is the name service, a computer that was added before joins at the BDC', async () => {
    must(await pdc.sync(['samba', 'add-machine', 'ws2', '--ready']))
    const ws2 = await startMember('ws2')
    assert.match(await asAdmin(ws2, ['net', 'rpc', 'join', '-S', addresses.bdc]), /Joined 'WS2' to domain 'EXAMPLE'/)
  })

  it('the master knows how Samba was found at both, and Samba lacked nothing', async () => {
    const { server } = JSON.parse(must(await bdc.sync(['samba', 'status', '--json'])))
    assert.equal(server, 'BDC')
    const reports = JSON.parse(await pdc.must(['cat', `${env.ACCOUNT_SYNC_DATA}/samba-reports.json`]))
    const kinds = Object.values(reports as Record<string, { kind: string }>).map(({ kind }) => kind)
    assert.deepEqual(kinds.sort(), ['bdc', 'pdc'])
    for (const [site, client] of [
      [pdc, 'samba-pdc'],
      [bdc, 'samba-bdc'],
    ] as const) {
      const misses = JSON.parse(must(await site.sync(['client', 'show', client, '--json']))).misses
      const toDo = misses.filter(({ isHarmless }: { isHarmless: boolean }) => !isHarmless)
      assert.deepEqual(toDo, [], client)
    }
  })

  it('a file server lets the same people in, and is in no list of domain controllers', async () => {
    const files = await startSite(lan, 'files')
    await files.must(['install', '-d', '-m', '1777', '/srv/files'])
    const key = must(await pdc.sync(['key', 'show']))
    must(await files.sync(['setup', '--mode', 'slave', '--master', addresses.pdc], key))
    await serveNode(files).said(/"msg":"serving"/)
    const said = must(await files.sync(['samba', 'setup', '--yes', '--file-server']))
    assert.doesNotMatch(said, /netlogon|nmbd/)
    await typeWhatItSays(files, said)
    await isServing(files)
    must(await signIn(files, words.later))
    assert.notEqual((await signIn(files, words.anna)).code, 0)
    assert.match(must(await files.sync(['samba', 'setup', '--yes'])), /Everything is written as it should be/)
  })

  it('with systemd, Samba follows when the slave becomes the master, and the master its slave', async () => {
    const { role } = await rolesOf(pdc)
    assert.equal(role, 'pdc')
    for (const site of [pdc, bdc]) {
      await haveSystemd(site)
      assert.match(must(await site.sync(['samba', 'setup', '--yes'])), /account-sync-samba\.path \(new\)/)
      assert.match(await site.must(['cat', '/var/log/systemctl']), /^enable --quiet --now account-sync-samba\.path$/m)
    }
    must(await pdc.sync(['mode', 'hand-over', 'bdc.example.lan']))
    // The other way round nmbd asks for the name of the PDC again after five minutes only.
    await asSystemdWould(pdc, `bdc of ${addresses.bdc}`)
    await asSystemdWould(bdc, 'pdc')
    for (const [site, kind] of [
      [bdc, 'pdc'],
      [pdc, 'bdc'],
    ] as const) {
      await isServing(site)
      assert.equal(JSON.parse(must(await site.sync(['samba', 'status', '--json']))).kind, kind)
      must(await signIn(site, words.later))
    }
    must(await bdc.sync(['user', 'password', 'anna', '--no-must-change'], `${words.anna}\n`))
    for (const site of [bdc, pdc])
      await until(
        async () => (await signIn(site, words.anna)).code === 0,
        20_000,
        () => 'the new password does not hold everywhere',
      )
  })

  it('with the master off, a person signs in at the BDC', async () => {
    await bdc.must(['pkill', '-f', 'account-sync.js serve'])
    await bdc.must(['sh', '-c', 'kill $(cat /run/samba/smbd.pid /run/samba/nmbd.pid /run/samba/winbindd.pid)'])
    must(await signIn(pdc, words.anna))
  })
})
