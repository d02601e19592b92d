import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { contact } from '../../server/extensions/contact.ts'
import { openRelay } from '../counting.ts'
import { type Ldap, openBound, replaceRequest, searchRequest } from '../ldap.ts'
import { groupCount, groupNameOf, type Person, personOf, usernameOf } from '../people.ts'
import { freePorts, run, type Server, start, stop, until } from '../processes.ts'
import type { Pair } from './pair.ts'

const suffix = 'dc=example,dc=lan'
const users = `ou=Users,${suffix}`
const admin = { dn: `cn=admin,${suffix}`, password: 'bench' }
const reader = { dn: `cn=reader,${suffix}`, password: 'bench' }
const schemaFolders = ['/etc/ldap/schema', '/etc/openldap/schema']
const moduleFolders = ['/usr/lib/ldap', '/usr/lib64/openldap', '/usr/lib/openldap']

/** Where a program of the slapd package is; it stands outside the PATH of most people. */
export const slapdProgram = (name: 'slapd' | 'slapadd'): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** OpenLDAP as Debian ships it: back_mdb with its durable default, syncrepl refreshAndPersist with a session log. */
export async function slapdPair(folder: string, count: number, substrings = false): Promise<Pair> {
  const dir = join(folder, 'slapd')
  for (const name of ['provider', 'consumer']) mkdirSync(join(dir, name), { recursive: true })
  const [providerPort = 0, consumerPort = 0] = await freePorts(2)
  const relay = await openRelay(providerPort)
  const file = (name: string) => join(dir, name)
  writeFileSync(file('bench.schema'), benchSchema)
  writeFileSync(file('provider.conf'), config(dir, 'provider', providerPart, substrings))
  writeFileSync(file('consumer.conf'), config(dir, 'consumer', consumerPart(relay.port), substrings))
  writeFileSync(file('people.ldif'), ldif(count))
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

  function launch(role: string, port: number): Server {
    // slapd sets aside memory for every descriptor it might ever have.
    const command = `ulimit -n 4096; exec "$0" -d 0 -h "ldap://127.0.0.1:${port}/" -f "$1"`
    return start(`slapd (${role})`, file(`${role}.log`), 'sh', [
      '-c',
      command,
      slapdProgram('slapd')!,
      file(`${role}.conf`),
    ])
  }

  async function contextCsn(ldap: Ldap): Promise<string | undefined> {
    const { entries } = await ldap.send(searchRequest(suffix, 'base', 'objectClass', undefined, ['contextCSN']))
    return entries[0]?.get('contextcsn')?.join()
  }

  const pair: Pair = {
    name: 'slapd',
    people: count,
    usersDn: users,
    reader,
    ldapPorts: { master: providerPort, slave: consumerPort },
    master: () => provider!,
    slave: () => consumer,
    startMaster: async () => {
      provider = launch('provider', providerPort)
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
      consumer = launch('consumer', consumerPort)
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

function config(dir: string, role: string, part: string, substrings: boolean): string {
  const schemas = schemaFolders.find(existsSync)
  const modules = moduleFolders.find(existsSync)
  return `${['core', 'cosine', 'nis', 'inetorgperson'].map((name) => `include ${schemas}/${name}.schema`).join('\n')}
include ${dir}/bench.schema
modulepath ${modules}
moduleload back_mdb
moduleload syncprov
pidfile ${dir}/${role}.pid
argsfile ${dir}/${role}.args
loglevel 0
sizelimit unlimited
threads ${Math.min(16, Math.max(4, 4 * availableParallelism()))}
database mdb
suffix "${suffix}"
rootdn "${admin.dn}"
rootpw ${admin.password}
directory ${dir}/${role}
maxsize 8589934592
index objectClass,entryCSN,entryUUID eq
index uid,cn eq${substrings ? ',sub\nindex mail eq,sub' : ''}
index uidNumber,gidNumber,memberUid eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${reader.dn}" read by * none
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

function ldif(count: number): string {
  const groups: string[][] = Array.from({ length: groupCount(count) }, () => [])
  const records = [
    record(suffix, { objectClass: ['top', 'domain'], dc: 'example' }),
    record(users, { objectClass: ['top', 'organizationalUnit'], ou: 'Users' }),
    record(`ou=Groups,${suffix}`, { objectClass: ['top', 'organizationalUnit'], ou: 'Groups' }),
    record(reader.dn, {
      objectClass: ['top', 'organizationalRole', 'simpleSecurityObject'],
      cn: 'reader',
      userPassword: reader.password,
    }),
  ]
  for (let index = 0; index < count; index++) {
    const person = personOf(index, count)
    for (const group of person.groups) groups[group]?.push(person.username)
    records.push(record(`uid=${person.username},${users}`, attributesOf(person, 2001 + index)))
  }
  groups.forEach((members, index) => {
    const cn = groupNameOf(index)
    const about = {
      objectClass: ['top', 'posixGroup'],
      cn,
      gidNumber: `${60_010 + index}`,
      description: `Group ${index}`,
    }
    records.push(record(`cn=${cn},ou=Groups,${suffix}`, { ...about, memberUid: members }))
  })
  return records.join('\n')
}

/** What account-sync serves for the same person, and one attribute for the plugins: 28. */
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
    userPassword: `{ARGON2}${person.password}`,
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
