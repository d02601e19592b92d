import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { exportLdif } from '../../server/accounts/ldif-export.ts'
import { addOwnExtension } from '../../server/accounts/own-extensions.ts'
import { connectTo } from '../ldap/client.ts'
import { startMaster, type TestNode } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { foreignSchema, nisSchema, type Slapd, schemaDir, schemas, startSlapd } from './slapd.ts'

// What is exported can be loaded into OpenLDAP, which checks every entry by the schema that our own server shows.

const base = 'dc=example,dc=lan'
let node: TestNode
let slapd: Slapd
let dir: string
let file: string
let schema: string

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ldif-export-'))
  file = join(dir, 'accounts.ldif')
  node = await startMaster()
  const { db } = node
  for (const name of ['mail', 'samba', 'zarafa']) await setExtensionOn(db, me, name, true)
  await addOwnExtension(db, me, {
    title: 'Staff card',
    name: 'card',
    objectClass: 'staffCard',
    fields: [
      { label: 'Number', name: 'number', type: 'number', attribute: 'staffNumber' },
      { label: 'Desk', name: 'desk', type: 'text', attribute: 'employeeNumber' },
    ],
  })
  const sales = await addGroup(db, me, {
    name: 'sales',
    description: 'Sells – “everything”',
    extensions: { mail: { distributionList: 'yes', mail: 'sales@example.lan' } },
  })
  await addGroup(db, me, { name: 'north', description: '' })
  await addMembers(db, me, sales.id, { groups: ['north'] })
  await aUser(db, {
    username: 'full',
    first: 'Åsa',
    last: 'Öberg',
    password,
    groups: ['north'],
    plugins: ['ftp'],
    extensions: {
      contact: {
        country: 'SE',
        city: 'Malmö',
        mail: 'full@example.lan',
        telephone: '+46 40 1',
        title: 'x'.repeat(128),
      },
      mail: { address: 'full@mail.example.lan', aliases: 'one, two', forwarders: 'f@example.com' },
      samba: { account: 'yes' },
      shell: { loginShell: '/bin/bash', sshKeys: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(40)} åsa` },
      zarafa: { account: 'yes', hardQuota: '1000' },
      card: { number: '17', desk: 'A-17' },
    },
  })
  await aUser(db, { username: 'only-mailbox', extensions: { mail: { address: 'm@mail.example.lan' } } })
  await aUser(db, { username: 'away', status: 'disabled' })
  let text = ''
  for await (const part of exportLdif(db)) text += part
  writeFileSync(file, text)
  schema = join(dir, 'ours.schema')
  const client = connectTo(node.ports().ldap as number)
  writeFileSync(schema, await foreignSchema(client))
  client.end()
  slapd = await startSlapd('', base, [`include ${schema}`])
})

after(async () => {
  await slapd?.stop()
  await node?.close()
  rmSync(dir, { recursive: true, force: true })
})

const loud = { encoding: 'utf8', stdio: 'pipe' } as const

describe('the LDIF that is exported', () => {
  test('is taken by a running OpenLDAP, entry by entry', () => {
    const way = ['-x', '-H', `ldap://127.0.0.1:${slapd.port}`, '-D', `cn=root,${base}`, '-w', 'root']
    execFileSync('ldapadd', [...way, '-f', file], loud)
    const find = (...what: string[]) =>
      execFileSync('ldapsearch', [...way, '-LLL', '-o', 'ldif-wrap=no', '-b', base, ...what], loud)
    const full = find('(uid=full)')
    for (const line of ['c: SE', 'mailLocalAddress: full@mail.example.lan', 'staffNumber: 17', 'zarafaQuotaSoft: 950'])
      assert.equal(full.split('\n').includes(line), true, line)
    assert.doesNotMatch(full, /samba/i)
    // Whoever is in a group within the group is in it.
    assert.match(find('(cn=sales)'), /memberUid: full\nmember: uid=full,/)
    assert.match(find('(cn=sales)'), /clearMailDistributionList: 1/)
    assert.match(find('(cn=ftp_plugin)'), /memberUid: full/)
    assert.match(find('(uid=away)'), /shadowExpire: 1/)
  })

  test('is taken by slapadd as a whole', () => {
    const nis = join(dir, 'nis.schema')
    writeFileSync(nis, nisSchema())
    const conf = join(dir, 'slapd.conf')
    const includes = schemas.map((name) => `include ${schemaDir}/${name}.schema`)
    const database = ['moduleload back_mdb', 'database mdb', `directory ${dir}`, `suffix "${base}"`]
    const lines = [...includes, `include ${nis}`, `include ${schema}`, 'modulepath /usr/lib/ldap', ...database, '']
    writeFileSync(conf, lines.join('\n'))
    execFileSync('/usr/sbin/slapadd', ['-f', conf, '-l', file], loud)
    const all = execFileSync('/usr/sbin/slapcat', ['-f', conf], loud)
    assert.deepEqual(all.match(/^uid: .*/gm)?.sort(), ['uid: admin', 'uid: away', 'uid: full', 'uid: only-mailbox'])
  })
})
