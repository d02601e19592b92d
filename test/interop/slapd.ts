import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../ldap/client.ts'

// OpenLDAP's server with a given LDIF: what we are compared with.

export const schemaDir = '/etc/ldap/schema'
/** What of Debian's slapd goes with our own schema; `foreignSchema` has the rest. */
export const schemas = ['core', 'cosine', 'inetorgperson', 'misc']

/** What slapd or the schemas that come with it have, as docs/ldap-replica.md tells them apart. */
const theirs =
  /^\( (0\.9\.|1\.2\.|2\.5\.|2\.16\.840\.1\.113730\.3\.|1\.3\.6\.1\.1\.|1\.3\.6\.1\.4\.1\.(250|1466|4203)\.)/

export async function foreignSchema(provider: Client): Promise<string> {
  const { entries } = await provider.search({
    base: 'cn=Subschema',
    scope: 'base',
    attributes: ['attributeTypes', 'objectClasses'],
  })
  const { attributeTypes = [], objectClasses = [] } = entries[0]!.attributes
  const isForeign = (text: string): boolean => !theirs.test(text)
  return [
    ...attributeTypes.filter(isForeign).map((text) => `attributetype ${text}`),
    ...objectClasses.filter(isForeign).map((text) => `objectclass ${text}`),
  ].join('\n')
}

/** Groups as RFC 2307bis has them, which slapd does not bring: posixGroup auxiliary, beside groupOfMembers. */
const posixGroup = `objectclass ( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber MAY ( userPassword $ memberUid $ description ) )`
const groupOfMembers = `objectclass ( 1.3.6.1.1.1.2.18 NAME 'groupOfMembers' SUP top STRUCTURAL MUST cn MAY ( member $ description ) )`

export function nisSchema(): string {
  // Without regard to case, as here (schema-core.ts).
  const nis = readFileSync(join(schemaDir, 'nis.schema'), 'utf8').replace(
    /(NAME 'memberUid'\s+EQUALITY )caseExactIA5Match\s+SUBSTR caseExactIA5SubstringsMatch/,
    '$1caseIgnoreIA5Match\n\tSUBSTR caseIgnoreIA5SubstringsMatch',
  )
  const start = nis.indexOf('objectclass ( 1.3.6.1.1.1.2.2 ')
  const end = nis.indexOf('objectclass', start + 1)
  return `${nis.slice(0, start)}${posixGroup}\n\n${groupOfMembers}\n\n${nis.slice(end)}`
}

export type Slapd = { port: number; stop: () => Promise<void> }

/** `lines`: more of the configuration, before the database; `ofDatabase`: behind it. */
export async function startSlapd(
  ldif: string,
  base: string,
  lines: readonly string[] = [],
  ofDatabase: readonly string[] = [],
): Promise<Slapd> {
  const dir = mkdtempSync(join(tmpdir(), 'slapd-'))
  const port = await freePort()
  writeFileSync(join(dir, 'nis.schema'), nisSchema())
  writeFileSync(join(dir, 'data.ldif'), ldif)
  const indexed = [
    'objectClass',
    'uid',
    'cn',
    'mail',
    'uidNumber',
    'gidNumber',
    'memberUid',
    'member',
    'memberOf',
    'sn',
  ]
  writeFileSync(
    join(dir, 'slapd.conf'),
    [
      ...schemas.map((name) => `include ${schemaDir}/${name}.schema`),
      `include ${dir}/nis.schema`,
      `pidfile ${dir}/slapd.pid`,
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      'moduleload memberof',
      'threads 16',
      'sizelimit unlimited',
      'access to * by * read',
      ...lines,
      'database mdb',
      `directory ${dir}`,
      `suffix "${base}"`,
      `rootdn "cn=root,${base}"`,
      'rootpw root',
      'maxsize 1073741824',
      'sizelimit unlimited',
      ...indexed.map((name) => `index ${name} eq`),
      ...ofDatabase,
      '',
    ].join('\n'),
  )
  execFileSync('/usr/sbin/slapadd', ['-q', '-s', '-f', join(dir, 'slapd.conf'), '-l', join(dir, 'data.ldif')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const server = spawn(
    '/usr/sbin/slapd',
    ['-d', '0', '-h', `ldap://127.0.0.1:${port}`, '-f', join(dir, 'slapd.conf')],
    {
      stdio: 'ignore',
    },
  )
  await reachable(port, server)
  return {
    port,
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      await gone
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

export async function reachable(port: number, server: ChildProcess): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (server.exitCode !== null) throw new Error(`slapd ended with ${server.exitCode}`)
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (isUp) return
    await sleep(50)
  }
  throw new Error('slapd does not answer')
}
