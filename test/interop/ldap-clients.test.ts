import assert from 'node:assert/strict'
import type { webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import ldap from 'ldapjs'
import { base, groups, reader, type Started, startServer, users } from '../ldap/sample.ts'
import { type Ran, run } from './programs.ts'

async function certificate(): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  })
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { key, cert: cert.toString('pem') }
}

describe('OpenLDAP’s tools', () => {
  let server: Started
  let dir: string
  let current: { key: string; cert: string }
  const asReader = ['-D', reader, '-w', 'reader']
  const tool = (name: string, args: string[], url = `ldap://127.0.0.1:${server.port}`): Promise<Ran> =>
    run(name, ['-x', '-H', url, ...args], { env: { LDAPTLS_CACERT: join(dir, 'ca.pem') } })
  const search = (...args: string[]): Promise<Ran> => tool('ldapsearch', ['-LLL', '-o', 'ldif-wrap=no', ...args])

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ldap-clients-'))
    current = await certificate()
    writeFileSync(join(dir, 'ca.pem'), current.cert)
    server = await startServer({ tls: { host: '127.0.0.1', port: 0, context: () => current } })
  })
  after(async () => {
    await server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('ldapwhoami', async () => {
    assert.deepEqual(await tool('ldapwhoami', ['-D', `uid=fnystrom,${users}`, '-w', 'secret']), {
      code: 0,
      out: `dn:uid=fnystrom,${users}\n`,
      err: '',
    })
    assert.equal((await tool('ldapwhoami', [])).out, 'anonymous\n')
    assert.equal((await tool('ldapwhoami', ['-D', `uid=fnystrom,${users}`, '-w', 'wrong'])).code, 49)
  })

  it('ldapsearch finds a user', async () => {
    const { code, out } = await search(...asReader, '-b', base, '(uid=karl)', 'uid', 'UIDNUMBER', 'memberOf')
    assert.equal(code, 0)
    assert.equal(
      out,
      [
        `dn: uid=karl,${users}`,
        'uid: karl',
        'uidNumber: 2001',
        ...['allusers', 'sales', 'engineers', 'ftp_plugin'].map((name) => `memberOf: cn=${name},${groups}`),
        '\n',
      ].join('\n'),
    )
  })

  it('ldapsearch reads root DSE and schema without a bind', async () => {
    const root = await search('-b', '', '-s', 'base', '+')
    assert.match(root.out, new RegExp(`^namingContexts: ${base}$`, 'm'))
    const schema = await search('-b', 'cn=Subschema', '-s', 'base', '+')
    assert.match(schema.out, /^objectClasses: \( 2\.16\.840\.1\.113730\.3\.2\.2 NAME 'inetOrgPerson'/m)
  })

  it('ldapsearch is told 50 where it should have bound, 32 where nothing is, 12 for what is not kept', async () => {
    assert.equal((await search('-b', base)).code, 50)
    assert.equal((await search(...asReader, '-b', 'dc=other')).code, 32)
    assert.equal((await search(...asReader, '-E', '!subentries', '-b', base)).code, 12)
    assert.equal((await search(...asReader, '-E', '!pr=10/noprompt', '-b', base, '1.1')).code, 0)
    assert.equal((await search(...asReader, '-z', '1', '-b', users)).code, 4)
  })

  it('ldapsearch with SASL is told that it is not offered', async () => {
    const { code, err } = await run('ldapsearch', ['-Y', 'EXTERNAL', '-H', `ldap://127.0.0.1:${server.port}`, '-b', ''])
    assert.ok(code !== 0 && code !== -1, err)
  })

  it('ldapcompare', async () => {
    const compare = async (assertion: string): Promise<number> =>
      (await tool('ldapcompare', [...asReader, `uid=karl,${users}`, assertion])).code
    assert.equal(await compare('sn:BERG'), 6)
    assert.equal(await compare('sn:other'), 5)
    assert.equal(await compare('userPassword:secret'), 16)
  })

  it('ldapadd, ldapmodify, ldapdelete and ldappasswd are refused where nothing can be changed', async () => {
    const file = join(dir, 'change.ldif')
    writeFileSync(file, `dn: uid=karl,${users}\nchangetype: modify\nreplace: title\ntitle: x\n`)
    const modify = await tool('ldapmodify', [...asReader, '-f', file])
    assert.equal(modify.code, 53)
    assert.match(modify.err, /Nothing can be changed here/)
    writeFileSync(file, `dn: uid=new,${users}\nobjectClass: person\ncn: x\nsn: x\n`)
    assert.equal((await tool('ldapadd', [...asReader, '-f', file])).code, 53)
    assert.equal((await tool('ldapdelete', [...asReader, `uid=karl,${users}`])).code, 53)
    assert.notEqual((await tool('ldappasswd', [...asReader, '-s', 'x'])).code, 0)
  })

  it('LDAPS, checked against its certificate, also after it was renewed', async () => {
    // Not by name: OpenLDAP puts the name of the host in the place of localhost.
    const url = `ldaps://127.0.0.1:${server.ports.tls}`
    const whoami = (): Promise<Ran> => tool('ldapwhoami', asReader, url)
    assert.deepEqual((await whoami()).out, `dn:${reader}\n`)
    current = await certificate()
    server.renewTls()
    assert.notEqual((await whoami()).code, 0, 'the old CA does not vouch for the new certificate')
    writeFileSync(join(dir, 'ca.pem'), current.cert)
    assert.deepEqual((await whoami()).out, `dn:${reader}\n`)
    const dump = await tool('ldapsearch', ['-LLL', ...asReader, '-b', base, '1.1'], url)
    assert.equal(dump.out.split('\n').filter((line) => line.startsWith('dn:')).length, server.directory.size)
  })

  it('plain bytes on the LDAPS port and TLS on the plain port harm nobody', async () => {
    assert.notEqual((await tool('ldapwhoami', asReader, `ldap://127.0.0.1:${server.ports.tls}`)).code, 0)
    assert.notEqual((await tool('ldapwhoami', asReader, `ldaps://127.0.0.1:${server.port}`)).code, 0)
    assert.equal((await tool('ldapwhoami', asReader)).code, 0)
  })
})

describe('ldapjs as a client', () => {
  it('binds, searches, compares and unbinds', async () => {
    const server = await startServer()
    const client = ldap.createClient({ url: `ldap://127.0.0.1:${server.port}` })
    await new Promise<void>((resolve, reject) =>
      client.bind(reader, 'reader', (error) => (error ? reject(error) : resolve())),
    )
    const found = await new Promise<string[]>((resolve, reject) => {
      const list: string[] = []
      client.search(base, { scope: 'sub', filter: '(objectClass=posixGroup)', attributes: ['cn'] }, (error, result) => {
        if (error) return reject(error)
        result.on('searchEntry', (entry) => list.push(entry.objectName ?? ''))
        result.on('error', reject)
        result.on('end', () => resolve(list))
      })
    })
    assert.equal(found.length, 5)
    const same = await new Promise((resolve, reject) =>
      client.compare(`uid=karl,${users}`, 'sn', 'berg', (error, matched) => (error ? reject(error) : resolve(matched))),
    )
    assert.equal(same, true)
    await new Promise<void>((resolve) => client.unbind(() => resolve()))
    await server.close()
  })
})
