import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connectTo } from '../ldap/client.ts'
import { freePort, nisSchema, reachable, schemaDir } from './slapd.ts'

/** OpenLDAP's server as a consumer: it holds what it has replicated from a node, and nothing else. */
export type Consumer = {
  port: number
  stop: () => Promise<void>
  /** `from`: the node that it follows from now on. */
  start: (from?: string) => Promise<void>
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

export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { provider, base, dn, password, type, filter = '(objectClass=*)' } = options
  const dir = mkdtempSync(join(tmpdir(), 'consumer-'))
  const port = await freePort()
  const source = connectTo(Number(new URL(provider).port))
  writeFileSync(join(dir, 'foreign.schema'), `${await foreignSchema(source)}\n`)
  source.end()
  writeFileSync(join(dir, 'nis.schema'), nisSchema())
  let followed = provider
  const configuration = (): string =>
    [
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      'moduleload memberof',
      ...['core', 'cosine', 'inetorgperson', 'misc'].map((name) => `include ${schemaDir}/${name}.schema`),
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
      `  provider=${followed} bindmethod=simple binddn="${dn}" credentials=${password}`,
      `  searchbase="${base}" filter="${filter}" scope=sub attrs="*,+" schemachecking=off`,
      `  type=${type} interval=00:00:00:01 retry="1 +"`,
      '',
    ].join('\n')
  let server: ReturnType<typeof spawn> | undefined
  const start = async (from?: string): Promise<void> => {
    followed = from ?? followed
    writeFileSync(join(dir, 'slapd.conf'), configuration(), { mode: 0o600 })
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
