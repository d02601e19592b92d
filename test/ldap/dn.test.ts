import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { escapeValue, formatDn, normaliseDn, parseDn } from '../../server/ldap/dn.ts'

const equal: [string, string][] = [
  ['uid=alice,ou=Users,dc=example,dc=lan', 'UID=Alice , OU=users,DC=EXAMPLE, dc=lan'],
  ['uid=alice', 'uid=\\61lice'],
  ['uid=alice', '0.9.2342.19200300.100.1.1=alice'],
  ['cn=alice', 'commonName=ALICE'],
  ['cn=a+uid=b', 'uid=B + cn=A'],
  ['cn=James  \\"Jim\\" Smith\\, III', 'cn=james \\22jim\\22 smith\\2c iii'],
  ['cn=Lu\\C4\\8Di\\C4\\87', 'cn=Lučić'],
  ['cn=foo', 'cn=#0403666f6f'],
  ['cn=a', 'cn=  a  '],
  ['uid=alice,dc=lan', 'uid="alice";dc=lan'],
  ['cn=R\\&D\\, north', ' cn = "R&D, north" '].map((text) => text.replace('\\&', '&')) as [string, string],
  ['cn=a\\"b', 'cn="a\\"b"'],
]

const invalid = [
  'alice',
  '=alice',
  'uid=alice,',
  ',uid=alice',
  'uid=alice,,dc=lan',
  'u id=alice',
  '1.=alice',
  ' ',
  'uid="alice',
  'uid="alice"x',
  'uid=a"b"',
  'uid=a;',
  'uid=a<b',
  'uid=a\\',
  'uid=a\\zz',
  'uid=a\\c3',
  'uid=a\0b',
  'cn=#04036',
  'cn=#zz',
  'cn=#',
  'cn=#0403666f6f x',
]

describe('distinguished names', () => {
  for (const [a, b] of equal) it(`“${a}” is the same as “${b}”`, () => assert.equal(normaliseDn(a), normaliseDn(b)))

  it('different names stay different', () => {
    const different = ['uid=a,dc=b', 'uid=a\\,dc\\=b', 'uid=a+dc=b', 'uid=ab', 'cn=a', 'uid=\\ a', 'cn=#040161ff']
    assert.equal(new Set(different.map((each) => normaliseDn(each) ?? each)).size, different.length)
    assert.equal(normaliseDn('uid=\\ a'), normaliseDn('uid=a'), 'RFC 4518: leading space means nothing')
  })

  for (const text of invalid) {
    it(`${JSON.stringify(text)} is not a DN`, () => assert.equal(parseDn(text), undefined))
  }

  it('what is formatted is read back', () => {
    const value = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom(...' #,+"\\<>;=\0aåß') }),
      fc.string({ unit: 'grapheme' }),
    )
    const part = fc
      .tuple(fc.constantFrom('uid', 'cn', 'dc', '1.2.3'), value)
      .map(([type, text]) => ({ type, value: text.replace(/\p{Surrogate}/gu, '?') }))
    const dn = fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { maxLength: 5 })
    fc.assert(fc.property(dn, (given) => assert.deepEqual(parseDn(formatDn(given)), given)))
  })

  it('normalising twice changes nothing', () => {
    const text = fc.string().map((value) => `cn=${escapeValue(value.replace(/\p{Surrogate}/gu, '?'))},dc=lan`)
    fc.assert(
      fc.property(text, (given) => {
        const once = normaliseDn(given)!
        assert.equal(normaliseDn(once), once)
      }),
    )
  })

  it('no text makes it throw', () => {
    const hard = fc.string({ unit: fc.constantFrom(...'ab=,+\\#" 0f;\0é'), maxLength: 60 })
    fc.assert(fc.property(hard, (text) => void normaliseDn(text)))
  })

  for (const piece of ['a', 'cn=a,', 'cn=a+', '\\', '\\61', ' ', 'cn=', '#04', '=', ',']) {
    it(`a megabyte of “${piece}” is decided`, () => {
      for (const size of [60_000, 1_000_000]) parseDn(`cn=${piece.repeat(size / piece.length)}`)
    })
  }
})
