import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { runScript, scriptPath } from './client-scripts.ts'
import { groups, type Staff, startStaff } from './staff.ts'

type Seen = { schema: { wrong: string[]; types: number; classes: number }; sync: [number, number, string] } & Record<
  | 'must'
  | 'root'
  | 'cn'
  | 'groups'
  | 'ldif'
  | 'paged'
  | 'sorted'
  | 'sortResult'
  | 'window'
  | 'scrolled'
  | 'compare'
  | 'whoami'
  | 'refused'
  | 'postRead'
  | 'made'
  | 'codes'
  | 'startTls'
  | 'untrusted'
  | 'mustChange'
  | 'tooShort'
  | 'changed',
  unknown
>

describe('Perl’s Net::LDAP at a node', () => {
  let staff: Staff
  let seen: Seen
  before(async () => {
    staff = await startStaff()
    seen = await runScript<Seen>(['perl', scriptPath('net_ldap_client.pl')], staff)
  })
  after(() => staff?.close())

  it('reads the root DSE and a schema in which everything that is named is there', () => {
    assert.deepEqual(seen.root, [1, 1, 1, 0])
    assert.deepEqual(seen.schema.wrong, [])
    assert.ok(seen.schema.types > 60 && seen.schema.classes > 12)
    assert.deepEqual(seen.must, ['cn', 'gidNumber', 'homeDirectory', 'objectClass', 'uid', 'uidNumber'])
  })

  it('finds people by letters beyond ASCII and writes them as LDIF', () => {
    assert.equal(seen.cn, 'Anna Åkesson')
    const names = ['allusers', 'engineers', 'ftp_plugin', 'site_malmo']
    assert.deepEqual(
      seen.groups,
      names.map((name) => `cn=${name},${groups}`),
    )
    assert.equal(seen.ldif, 'whole')
    assert.deepEqual(seen.compare, [6, 5])
  })

  it('searches in pages, sorted, through a window, and by content synchronization', () => {
    assert.deepEqual(seen.paged, [3, 'admin', 'anna', 'berit', 'chief', 'disa', 'emil', 'mia'])
    assert.deepEqual(seen.sorted, ['chief', 'mia', 'emil', 'disa', 'berit', 'anna', 'admin'])
    assert.equal(seen.sortResult, 0)
    assert.deepEqual(seen.window, [3, 7, 'anna', 'berit', 'chief'])
    assert.deepEqual(seen.scrolled, ['disa', 'emil', 'mia'])
    const [first, second, cookie] = seen.sync
    assert.deepEqual([first, second], [7, 0])
    assert.match(cookie, /csn=/)
  })

  it('adds, modifies with assertion and post-read, renames and removes', () => {
    assert.deepEqual(seen.codes, [0, 68, 0, 122, 0, 0, 0, 0, 0])
    assert.deepEqual(seen.postRead, ['Welder', 'Nils Nyström'])
    assert.equal(seen.made, 'made')
    assert.equal(seen.refused, 50)
  })

  it('learns from the password policy control that a password must be changed, and changes it', () => {
    assert.deepEqual(seen.mustChange, [0, 2])
    assert.deepEqual(seen.tooShort, [19, 6])
    assert.equal(seen.changed, 0)
  })

  it('comes in by StartTLS when it trusts the cluster, and not otherwise', () => {
    assert.deepEqual(seen.startTls, [0, 'ciphered', seen.whoami])
    assert.equal(seen.untrusted, 'refused')
  })
})
