import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { runScript, scriptPath } from './client-scripts.ts'
import { base, groups, type Staff, startStaff } from './staff.ts'

type Seen = {
  info: { contexts: string[]; version: string[]; schema: string; controls: string[]; unnamed: string[] }
  schema: { wrong: string[]; types: number; classes: number }
  typed: Record<string, unknown>
  done: [boolean, string][]
} & Record<
  | 'unknown'
  | 'paged'
  | 'sync'
  | 'compare'
  | 'refused'
  | 'whoami'
  | 'async'
  | 'written'
  | 'undefined'
  | 'startTls'
  | 'cipher'
  | 'ownPassword'
  | 'oldPassword'
  | 'external',
  unknown
>

describe('python3-ldap3 at a node', () => {
  let staff: Staff
  let seen: Seen
  before(async () => {
    staff = await startStaff()
    // Debian's own python has Debian's packages.
    seen = await runScript<Seen>(['/usr/bin/python3', scriptPath('ldap3_client.py')], staff)
  })
  after(() => staff?.close())

  it('reads what the server is, and has a name for all that it supports', () => {
    assert.deepEqual(seen.info.contexts, [base])
    assert.deepEqual(seen.info.version, ['3'])
    assert.match(seen.info.schema, /cn=Subschema/)
    assert.ok(seen.info.controls.includes('1.2.840.113556.1.4.319'))
    assert.deepEqual(seen.info.unnamed, [])
  })

  it('loads a schema in which everything that is named is there', () => {
    assert.deepEqual(seen.schema.wrong, [])
    assert.ok(seen.schema.types > 60 && seen.schema.classes > 12)
    assert.equal(seen.unknown, 'LDAPAttributeError')
    assert.equal(seen.undefined, 'refused')
  })

  it('gives values their types by that schema', () => {
    const { cn, uidNumber, memberOf, createTimestamp, hasSubordinates } = seen.typed
    assert.deepEqual([cn, uidNumber, createTimestamp, hasSubordinates], ['Anna Åkesson', 2001, 'UTC', false])
    const names = ['allusers', 'engineers', 'ftp_plugin', 'site_malmo']
    assert.deepEqual(
      memberOf,
      names.map((name) => `cn=${name},${groups}`),
    )
  })

  it('searches in pages, many at once, and by content synchronization', () => {
    assert.deepEqual(seen.paged, ['admin', 'anna', 'berit', 'chief', 'disa', 'emil', 'mia'])
    assert.equal(seen.async, 88)
    assert.deepEqual(seen.sync, ['1.3.6.1.4.1.4203.1.9.1.3'])
    assert.deepEqual(seen.compare, [true, false])
  })

  it('adds, modifies, renames and removes, through its object layer too', () => {
    assert.deepEqual(
      seen.done.map(([, description]) => description),
      ['success', 'entryAlreadyExists', 'success', 'noSuchAttribute', ...Array<string>(5).fill('success')],
    )
    assert.deepEqual(seen.written, ['Malmö', 'Nyström'])
    assert.deepEqual(seen.refused, [false, 'insufficientAccessRights'])
  })

  it('changes a password, and is told what is wrong with it', () => {
    assert.deepEqual(seen.ownPassword, [false, 'Password must have at least 8 characters.', true])
    assert.equal(seen.oldPassword, false)
  })

  it('comes in by StartTLS, and by SASL EXTERNAL on the Unix socket', () => {
    assert.deepEqual(seen.startTls, [true, true, seen.whoami])
    assert.equal(seen.cipher, 'TLSv1.3')
    assert.deepEqual(seen.external, [true, 'u:this machine', ['EXTERNAL']])
  })
})
