import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { OwnExtension } from '../../server/extensions/own.ts'
import { type Client, connectTo, type FoundEntry } from '../ldap/client.ts'
import {
  aDirectory,
  aGroup,
  aUser,
  base,
  change,
  ids,
  reader,
  type Started,
  startServer,
  uuid,
} from '../ldap/sample.ts'
import { nisSchema } from './slapd.ts'

// OpenLDAP reads our schema and checks our entries by it.

const own: OwnExtension = {
  title: 'Staff card',
  summary: '',
  objectClass: 'exampleStaffCard',
  fields: [
    { name: 'number', label: 'Number', type: 'number', attribute: 'exampleCardNumber' },
    { name: 'doors', label: 'Doors', type: 'list', attribute: 'exampleDoors' },
    { name: 'guest', label: 'Guest', type: 'switch', attribute: 'exampleIsGuest' },
    { name: 'since', label: 'Since', type: 'date', attribute: 'exampleSince' },
    { name: 'desk', label: 'Desk', type: 'telephone', attribute: 'exampleDesk' },
    { name: 'badge', label: 'Badge', type: 'text', attribute: 'employeeNumber' },
  ],
}

const extensions = {
  contact: { mail: 'frida@example.lan', city: 'Malmö', country: 'SE' },
  shell: { loginShell: '/bin/bash', sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx frida'] },
  mail: { address: 'frida@mail.example.lan', aliases: ['sales', 'info'], forwarders: ['f@a.example'] },
  zarafa: { account: true, administrator: false, hardQuota: '1000' },
  card: { number: 4711, doors: ['north', 'söuth'], guest: true, since: '2026-11-24', desk: '+46 40 1', badge: 'A-17' },
}

// Later than the organisation: a change is passed over when a newer one is known.
const people = () => [
  change('extension', uuid(40), { name: 'mail', on: true }),
  change('extension', uuid(41), { name: 'zarafa', on: true }),
  change('extension', uuid(42), { name: 'card', on: true, own }),
  change('user', ids.frida, aUser({ extensions, validUntil: '2030-01-01T00:00:00.000Z' })),
  change('user', uuid(50), aUser({ username: 'only-card', uidNumber: 2050, extensions: { card: extensions.card } })),
  change('user', uuid(51), aUser({ username: 'only-mail', uidNumber: 2051, extensions: { mail: extensions.mail } })),
  change('group', ids.sales, aGroup({ extensions: { mail: { distributionList: true, mail: 'sales@example.lan' } } })),
]

/** What slapd does not know from its own files. */
const ours = /NAME '(example|clear|kopano|zarafa|sshPublicKey|ldapPublicKey|mailLocalAddress|inetLocalMailRecipient)/

/** Made by the server itself, so that nobody may bring it along. */
const operational = new Set(['memberOf'])

describe('the schema, as OpenLDAP reads it', () => {
  let server: Started
  let c: Client
  let dir: string
  before(async () => {
    const directory = aDirectory()
    directory.apply(people())
    server = await startServer({ directory })
    c = connectTo(server.port)
    await c.bind(reader, 'reader')
    dir = mkdtempSync(join(tmpdir(), 'slapd-schema-'))
  })
  after(async () => {
    c?.end()
    await server?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** Without LDAP clients: their class has to have userPassword, which is there and shown to nobody. */
  const shown = async (): Promise<FoundEntry[]> =>
    (await c.search({ base, filter: '(!(objectClass=simpleSecurityObject))', attributes: ['*'] })).entries

  const schema = async (): Promise<string[]> => {
    const answer = await c.search({ base: 'cn=Subschema', scope: 'base', attributes: ['+'] })
    const { attributeTypes, objectClasses } = answer.entries[0]!.attributes
    return [
      ...attributeTypes!.filter((line) => ours.test(line)).map((line) => `attributetype ${line}`),
      ...objectClasses!.filter((line) => ours.test(line)).map((line) => `objectclass ${line}`),
    ]
  }

  function configure(lines: string[]): string {
    const file = join(dir, 'slapd.conf')
    mkdirSync(join(dir, 'data'), { recursive: true })
    writeFileSync(join(dir, 'nis.schema'), nisSchema())
    writeFileSync(join(dir, 'ours.schema'), lines.join('\n'))
    writeFileSync(
      file,
      [
        ...['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`),
        `include ${dir}/nis.schema`,
        `include ${dir}/ours.schema`,
        'modulepath /usr/lib/ldap',
        'moduleload back_mdb',
        'database mdb',
        `directory ${dir}/data`,
        `suffix "${base}"`,
        '',
      ].join('\n'),
    )
    return file
  }

  const run = (...args: string[]): string => {
    try {
      return execFileSync('/usr/sbin/slapadd', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    } catch (error) {
      return assert.fail(String((error as { stderr: string }).stderr))
    }
  }

  it('takes every type and class, and every entry with all its extensions obeys them', async () => {
    const lines = await schema()
    for (const name of ['exampleCardNumber', 'clearMailAliases', 'zarafaQuotaSoft', 'sshPublicKey', 'exampleStaffCard'])
      assert.equal(
        lines.some((line) => line.includes(`'${name}'`)),
        true,
        name,
      )
    const entries = await shown()
    writeFileSync(join(dir, 'data.ldif'), toLdif(entries))
    run('-f', configure(lines), '-l', join(dir, 'data.ldif'))
  })

  it('would refuse an entry that its classes do not allow', async () => {
    const without = (await shown()).map(({ dn, attributes }) => ({
      dn,
      attributes: { ...attributes, objectClass: attributes.objectClass!.filter((name) => name !== 'exampleStaffCard') },
    }))
    writeFileSync(join(dir, 'bad.ldif'), toLdif(without))
    rmSync(join(dir, 'data'), { recursive: true, force: true })
    const file = configure(await schema())
    assert.throws(() => run('-f', file, '-l', join(dir, 'bad.ldif')), /exampleCardNumber' not allowed/)
  })
})

function toLdif(entries: FoundEntry[]): string {
  const line = (name: string, value: string): string => `${name}:: ${Buffer.from(value).toString('base64')}`
  return entries
    .map(({ dn, attributes }) =>
      [
        line('dn', dn),
        ...Object.entries(attributes)
          .filter(([name]) => !operational.has(name))
          .flatMap(([name, values]) => values.map((value) => line(name, value))),
      ].join('\n'),
    )
    .join('\n\n')
}
