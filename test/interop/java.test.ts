import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { runJava } from './client-scripts.ts'
import { personDn, type Staff, startStaff } from './staff.ts'

const everybody = '3 [admin, anna, berit, chief, disa, emil, mia]'
const byNumber = '[chief, mia, emil, disa, berit, anna, admin]'

describe('Java’s JNDI at a node, as JXplorer uses it', () => {
  let staff: Staff
  let seen: Record<string, string>
  before(async () => {
    staff = await startStaff()
    seen = await runJava('JndiClient', [], staff)
  })
  after(() => staff?.close())

  it('walks a schema in which everything that is named is there', () => {
    assert.equal(seen['schema.wrong'], '[]')
    assert.ok(Number(seen['schema.count']) > 100)
    assert.equal(seen.classes, '[inetOrgPerson, organizationalPerson, person, posixAccount, shadowAccount, top]')
  })

  it('searches in pages, sorted, by escaped values, up to a limit', () => {
    assert.deepEqual([seen.paged, seen.sorted], [everybody, byNumber])
    assert.equal(seen.anna, personDn('anna'))
    assert.equal(seen.compare, 'true')
    assert.equal(seen.limited, 'SizeLimitExceededException')
    assert.equal(seen.anonymous, 'NoPermissionException')
  })

  it('adds, modifies, renames and removes', () => {
    assert.equal(seen.written, 'Nils Nyström, Welder')
    assert.equal(seen.removed, 'ContextNotEmptyException')
  })

  it('comes in by StartTLS', () => {
    assert.equal(seen.startTls, 'anna')
  })
})

// Apache Directory Studio itself has a window; this is the library that it speaks LDAP and reads schemas with.
describe('Apache’s Directory API at a node', () => {
  const jars = [
    'apache-directory-api-all',
    ...['codec', 'collections4', 'lang3', 'pool2', 'text'].map((name) => `commons-${name}`),
    ...['dom4j', 'mina2-core', 'slf4j-api', 'slf4j-nop'],
  ]
  let staff: Staff
  let seen: Record<string, string>
  before(async () => {
    staff = await startStaff()
    seen = await runJava('DirectoryApiClient', jars, staff)
  })
  after(() => staff?.close())

  it('loads the schema strictly and finds no error in it', () => {
    assert.equal(seen['schema.errors'], '[]')
    assert.equal(seen['schema.wrong'], '[]')
    assert.ok(Number(seen['schema.types']) > 60)
  })

  it('reads, pages, sorts and compares, over StartTLS', () => {
    assert.equal(seen.anna, 'Anna Åkesson, 2001')
    assert.deepEqual([seen.paged, seen.sorted], [everybody, byNumber])
    assert.equal(seen.byName, personDn('anna'))
    assert.equal(seen.compare, 'true')
  })

  it('adds, modifies, renames and removes', () => {
    assert.equal(seen.written, 'Nils Nyström')
    assert.equal(seen.deleted, 'true')
  })
})
