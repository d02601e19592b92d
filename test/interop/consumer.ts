import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connectTo } from '../ldap/client.ts'
import { freePort, nisSchema, reachable, schemaDir } from './slapd.ts'

/** OpenLDAP's server as a consumer: it holds what it has replicated from a node, and nothing else. */
export type Consumer = {
  port: number
  stop: () => Promise<void>
  start: () => Promise<void>
  remove: () => Promise<void>
}

export type ConsumerOptions = {
  provider: string
  base: string
  dn: string
  password: string
  type: 'refreshOnly' | 'refreshAndPersist'
  filter?: string
}

/** What of the schema at a node OpenLDAP does not know by itself. */
export async function foreignSchema(provider: Client): Promise<string> {
  const known = new Set(
    ['core', 'cosine', 'inetorgperson']
      .map((name) => readFileSync(join(schemaDir, `${name}.schema`), 'utf8'))
      .concat(nisSchema(), builtIn)
      .flatMap((text) => [...text.matchAll(/\(\s*([0-9]+(?:\.[0-9]+)+)/g)].map(([, oid]) => oid)),
  )
  const { entries } = await provider.search({
    base: 'cn=Subschema',
    scope: 'base',
    attributes: ['attributeTypes', 'objectClasses'],
  })
  const { attributeTypes = [], objectClasses = [] } = entries[0]!.attributes
  const isForeign = (text: string): boolean => !known.has(/^\( ([0-9.]+) /.exec(text)![1])
  return [
    ...attributeTypes.filter(isForeign).map((text) => `attributetype ${text}`),
    ...objectClasses.filter(isForeign).map((text) => `objectclass ${text}`),
  ].join('\n')
}

// Compiled into slapd: slapcat -n 0 -s 'cn=schema' shows them; memberOf comes with its module.
const builtIn = `( 2.5.4.0 ( 2.5.18.1 ( 2.5.18.2 ( 2.5.18.9 ( 2.5.18.10 ( 2.5.21.9 ( 2.5.21.4 ( 2.5.21.5 ( 2.5.21.6
( 1.3.6.1.4.1.1466.101.120.16 ( 1.3.6.1.4.1.1466.101.120.5 ( 1.3.6.1.4.1.1466.101.120.7 ( 1.3.6.1.4.1.1466.101.120.13
( 1.3.6.1.4.1.1466.101.120.14 ( 1.3.6.1.4.1.1466.101.120.15 ( 1.3.6.1.4.1.4203.1.3.5 ( 1.3.6.1.1.4 ( 1.3.6.1.1.5
( 1.3.6.1.1.16.4 ( 1.3.6.1.1.20 ( 1.2.840.113556.1.2.102 ( 1.3.6.1.4.1.4203.666.1.7 ( 1.3.6.1.4.1.4203.666.1.25
( 2.5.4.41 ( 2.5.4.49 ( 2.5.4.3 ( 2.5.4.34 ( 2.5.4.35 ( 2.5.4.13 ( 0.9.2342.19200300.100.1.1 ( 1.3.6.1.1.1.1.0
( 1.3.6.1.1.1.1.1 ( 1.3.6.1.4.1.250.1.57 ( 2.5.6.0 ( 1.3.6.1.4.1.1466.101.120.111 ( 2.5.17.0 ( 2.5.20.1`

export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { provider, base, dn, password, type, filter = '(objectClass=*)' } = options
  const dir = mkdtempSync(join(tmpdir(), 'consumer-'))
  const port = await freePort()
  const source = connectTo(Number(new URL(provider).port))
  writeFileSync(join(dir, 'foreign.schema'), `${await foreignSchema(source)}\n`)
  source.end()
  writeFileSync(join(dir, 'nis.schema'), nisSchema())
  writeFileSync(
    join(dir, 'slapd.conf'),
    [
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      'moduleload memberof',
      ...['core', 'cosine', 'inetorgperson'].map((name) => `include ${schemaDir}/${name}.schema`),
      `include ${dir}/nis.schema`,
      `include ${dir}/foreign.schema`,
      `pidfile ${dir}/slapd.pid`,
      'access to * by * read',
      'sizelimit unlimited',
      'database mdb',
      `directory ${dir}`,
      `suffix "${base}"`,
      `rootdn "cn=root,${base}"`,
      'maxsize 1073741824',
      'index entryUUID eq',
      'syncrepl rid=001',
      `  provider=${provider} bindmethod=simple binddn="${dn}" credentials=${password}`,
      `  searchbase="${base}" filter="${filter}" scope=sub attrs="*,+" schemachecking=off`,
      `  type=${type} interval=00:00:00:01 retry="1 +"`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  )
  let server: ReturnType<typeof spawn> | undefined
  const start = async (): Promise<void> => {
    const args = ['-d', process.env.SLAPD_DEBUG ?? '0', '-h', `ldap://127.0.0.1:${port}`, '-f', join(dir, 'slapd.conf')]
    server = spawn('/usr/sbin/slapd', args, { stdio: process.env.SLAPD_DEBUG ? 'inherit' : 'ignore' })
    await reachable(port, server)
  }
  const stop = async (): Promise<void> => {
    if (!server) return
    const gone = new Promise((resolve) => server!.once('exit', resolve))
    server.kill('SIGTERM')
    await gone
    server = undefined
  }
  await start()
  return {
    port,
    start,
    stop,
    async remove() {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
