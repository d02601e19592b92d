import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { contact } from '../../server/extensions/contact.ts'
import { openRelay } from '../counting.ts'
import { anything, type Ldap, openBound, replaceRequest, searchRequest } from '../ldap.ts'
import { groupCount, groupNameOf, type Person, personOf, usernameOf } from '../people.ts'
import { freePorts, run, type Server, start, stop, until } from '../processes.ts'
import type { Pair } from './pair.ts'

const suffix = 'dc=example,dc=lan'
const users = `ou=Users,${suffix}`
const groups = `ou=Groups,${suffix}`
const admin = { dn: `cn=admin,${suffix}`, password: 'bench' }
const reader = { dn: `cn=reader,${suffix}`, password: 'bench' }
const schemaFolders = ['/etc/ldap/schema', '/etc/openldap/schema']
const moduleFolders = ['/usr/lib/ldap', '/usr/lib64/openldap', '/usr/lib/openldap']

/** Where a program of the slapd package is; it stands outside the PATH of most people. */
export const slapdProgram = (name: 'slapd' | 'slapadd'): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** The module for argon2, which came in slapd-contrib before it came with slapd itself. */
export const argon2Module = (): string | undefined =>
  ['argon2', 'pw-argon2'].find((name) => moduleFolders.some((folder) => existsSync(join(folder, `${name}.so`))))

/** What else slapd has, for measures that ask for it. */
export type Further = {
  /** Names and addresses are indexed for parts. */
  substrings?: boolean
  groups?: number
  /** The userPassword of people who sign in. */
  passwordOf?: (index: number) => string | undefined
  /** Nothing waits for the disk: fast, and a power cut may lose or spoil everything. */
  unsafe?: boolean
  /** PEM files that it speaks TLS with. */
  tls?: { certificate: string; key: string }
}

/** A userPassword as OpenLDAP makes it where nothing else is asked for. */
export function ssha(password: string): string {
  const salt = randomBytes(8)
  const digest = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
}

/** OpenLDAP as Debian ships it: back_mdb with its durable default, syncrepl refreshAndPersist with a session log. */
export async function slapdPair(folder: string, count: number, further: Further = {}): Promise<Pair> {
  const dir = join(folder, 'slapd')
  for (const name of ['provider', 'consumer']) mkdirSync(join(dir, name), { recursive: true })
  const [providerPort = 0, consumerPort = 0, tlsPort = 0] = await freePorts(3)
  const relay = await openRelay(providerPort)
  const file = (name: string) => join(dir, name)
  writeFileSync(file('bench.schema'), benchSchema)
  writeFileSync(file('provider.conf'), config(dir, 'provider', providerPart, further))
  writeFileSync(file('consumer.conf'), config(dir, 'consumer', consumerPart(relay.port), further))
  writeFileSync(file('people.ldif'), ldif(count, further))
  await run(slapdProgram('slapadd')!, [
    '-q',
    '-w',
    '-S',
    '1',
    '-b',
    suffix,
    '-f',
    file('provider.conf'),
    '-l',
    file('people.ldif'),
  ])

  let provider: Server | undefined
  let consumer: Server | undefined
  let onProvider: Ldap | undefined
  let onConsumer: Ldap | undefined

  function launch(role: string, ...urls: string[]): Server {
    // slapd sets aside memory for every descriptor it might ever have.
    const command = `ulimit -n 4096; exec "$0" -d 0 -h "${urls.join(' ')}" -f "$1"`
    return start(`slapd (${role})`, file(`${role}.log`), 'sh', [
      '-c',
      command,
      slapdProgram('slapd')!,
      file(`${role}.conf`),
    ])
  }

  async function contextCsn(ldap: Ldap): Promise<string | undefined> {
    const { entries } = await ldap.send(searchRequest(suffix, 'base', anything, ['contextCSN']))
    return entries[0]?.get('contextcsn')?.join()
  }

  const pair: Pair = {
    name: 'slapd',
    base: suffix,
    people: count,
    usersDn: users,
    groupsDn: groups,
    reader,
    ldapPorts: { master: providerPort, slave: consumerPort },
    tlsPort,
    master: () => provider!,
    slave: () => consumer,
    startMaster: async () => {
      const tls = further.tls ? [`ldaps://127.0.0.1:${tlsPort}/`] : []
      provider = launch('provider', `ldap://127.0.0.1:${providerPort}/`, ...tls)
      const connect = async () => {
        onProvider = await openBound(providerPort, admin.dn, admin.password)
        return onProvider !== undefined
      }
      await until('The start of slapd', connect, 5, provider)
    },
    stopMaster: async () => {
      onProvider?.close()
      await stop(provider)
    },
    startSlave: () => {
      consumer = launch('consumer', `ldap://127.0.0.1:${consumerPort}/`)
    },
    stopSlave: async () => {
      onConsumer?.close()
      onConsumer = undefined
      await stop(consumer)
      consumer = undefined
    },
    emptySlave: async () => {
      rmSync(file('consumer'), { recursive: true, force: true })
      mkdirSync(file('consumer'))
    },
    position: async () => (await contextCsn(onProvider!)) ?? '',
    isSlaveAt: async (position) => {
      onConsumer ??= await openBound(consumerPort, admin.dn, admin.password)
      return onConsumer !== undefined && (await contextCsn(onConsumer)) === position
    },
    openWriter: async () => {
      const ldap = await openBound(providerPort, admin.dn, admin.password)
      if (!ldap) throw new Error('slapd refuses its own administrator.')
      return {
        setTitle: async (index, title) => {
          const { code } = await ldap.send(replaceRequest(`uid=${usernameOf(index)},${users}`, 'title', title))
          if (code !== 0) throw new Error(`slapd refuses a change: result code ${code}.`)
        },
        close: ldap.close,
      }
    },
    bytes: relay.bytes,
    close: async () => {
      await pair.stopSlave()
      await pair.stopMaster()
      await relay.close()
    },
  }
  return pair
}

/** Attributes of a person that no standard class has; `c` is not one of inetOrgPerson's. */
const benchSchema = `attributetype ( 1.3.6.1.4.1.55555.1.1 NAME 'benchPlugin' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.55555.1.2 NAME 'benchPerson' SUP top AUXILIARY MAY ( benchPlugin $ c ) )
`

function config(dir: string, role: string, part: string, { substrings, passwordOf, unsafe, tls }: Further): string {
  const schemas = schemaFolders.find(existsSync)
  const modules = moduleFolders.find(existsSync)
  return `${['core', 'cosine', 'nis', 'inetorgperson'].map((name) => `include ${schemas}/${name}.schema`).join('\n')}
include ${dir}/bench.schema
modulepath ${modules}
moduleload back_mdb
moduleload syncprov
${passwordOf ? `moduleload ${argon2Module()}` : ''}
${tls ? `TLSCertificateFile ${tls.certificate}\nTLSCertificateKeyFile ${tls.key}` : ''}
pidfile ${dir}/${role}.pid
argsfile ${dir}/${role}.args
loglevel 0
sizelimit unlimited
threads 16
database mdb
suffix "${suffix}"
rootdn "${admin.dn}"
rootpw ${admin.password}
directory ${dir}/${role}
maxsize 8589934592
${unsafe ? 'envflags nosync writemap mapasync' : ''}
index objectClass,entryCSN,entryUUID eq
index uid,cn eq${substrings ? ',sub\nindex mail eq,sub' : ''}
index uidNumber,gidNumber,memberUid eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${reader.dn}" read by self read by * none
${part}
`
}

const providerPart = `overlay syncprov
syncprov-checkpoint 1000 10
syncprov-sessionlog 20000`

const consumerPart = (port: number): string => `syncrepl rid=001
  provider=ldap://127.0.0.1:${port}
  type=refreshAndPersist
  retry="1 +"
  searchbase="${suffix}"
  schemachecking=off
  bindmethod=simple
  binddn="${admin.dn}"
  credentials=${admin.password}
updateref ldap://127.0.0.1:${port}`

function ldif(count: number, { groups: inAll = groupCount(count), passwordOf = () => undefined }: Further): string {
  const members: string[][] = Array.from({ length: inAll }, () => [])
  const records = [
    record(suffix, { objectClass: ['top', 'domain'], dc: 'example' }),
    record(users, { objectClass: ['top', 'organizationalUnit'], ou: 'Users' }),
    record(groups, { objectClass: ['top', 'organizationalUnit'], ou: 'Groups' }),
    record(reader.dn, {
      objectClass: ['top', 'organizationalRole', 'simpleSecurityObject'],
      cn: 'reader',
      userPassword: ssha(reader.password),
    }),
  ]
  for (let index = 0; index < count; index++) {
    const person = personOf(index, count, inAll)
    for (const group of person.groups) members[group]?.push(person.username)
    const userPassword = passwordOf(index) ?? `{ARGON2}${person.password}`
    records.push(record(`uid=${person.username},${users}`, { ...attributesOf(person, 2001 + index), userPassword }))
  }
  members.forEach((memberUid, index) => {
    const cn = groupNameOf(index)
    const about = {
      objectClass: ['top', 'posixGroup'],
      cn,
      gidNumber: `${60_010 + index}`,
      description: `Group ${index}`,
    }
    records.push(record(`cn=${cn},${groups}`, { ...about, memberUid }))
  })
  return records.join('\n')
}

/** What account-sync serves for the same person, and one attribute for the plugins: 28 with the password. */
function attributesOf(person: Person, uidNumber: number): Record<string, string | string[]> {
  const { username, first, last } = person
  const name = `${first} ${last}`
  const contacts = Object.entries(person.contact).map(([field, value]) => [
    contact.user[field as 'mail'].attribute,
    value,
  ])
  return {
    objectClass: [
      'top',
      'person',
      'organizationalPerson',
      'inetOrgPerson',
      'posixAccount',
      'shadowAccount',
      'benchPerson',
    ],
    uid: username,
    cn: name,
    sn: last,
    givenName: first,
    displayName: name,
    uidNumber: `${uidNumber}`,
    gidNumber: '63000',
    homeDirectory: person.shell.home,
    loginShell: person.shell.loginShell,
    gecos: name,
    shadowLastChange: '20000',
    ...Object.fromEntries(contacts),
    benchPlugin: person.plugins,
  }
}

function record(dn: string, attributes: Record<string, string | string[]>): string {
  const lines = Object.entries(attributes).flatMap(([name, values]) =>
    // In base64 whatever is not plain ASCII (RFC 2849).
    [values]
      .flat()
      .map((value) => (/^[\x21-\x7e][\x20-\x7e]*$/.test(value) ? `${name}: ${value}` : `${name}:: ${base64(value)}`)),
  )
  return `dn: ${dn}\n${lines.join('\n')}\n`
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
