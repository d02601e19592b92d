import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foreignHash } from '../../server/accounts/foreign-hashes.ts'
import { md4, ntHash } from '../../server/accounts/md4.ts'
import { verifyPassword } from '../../server/accounts/passwords.ts'

const long = 'pässwörd-✓ and a long one, longer than any block of sixty-four bytes can be'

// Made by slappasswd 2.5, openssl passwd, crypt(3) of glibc and Python's hashlib.
const vectors: readonly (readonly [string, string])[] = [
  ['{SSHA}uNAaNLepNsYV/0eFNwnl+SPrO1xiT15n', 'secret'],
  ['{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', 'secret'],
  ['{SMD5}rU0hQPxDf2cq+NHdhWvlU2mMT4w=', 'secret'],
  ['{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==', 'secret'],
  ['{SSHA256}OshHmHKDhLYsuy4OpD30c8W6B7cKU7uZJBn7XcPh4qNDGeBicOKUDQ==', 'secret'],
  ['{SSHA384}XES7QUQf7KWD6pwpUtQ8SPURp95OeUpECFjeImmuKs4jh8Ll/2pK018Rwn1El9Rf0MqQfAVhy1s=', 'secret'],
  [
    '{SSHA512}A28EXbrEkXzh+jdhO2KrcBdqkLpVgy6430o3mRUEvjyHmn97TIDtDFFY77l7Lp3dQhLyrkc0tGnLfKxy/KZc5oxR1MCiMioY',
    'secret',
  ],
  ['{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=', 'secret'],
  ['{SHA384}WKd1ukESvjAFrkQHznV9iP2nHUBJe7gCbsrFTU4//HIyzo3jq1rLMK45dg/ufFPt', 'secret'],
  ['{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==', 'secret'],
  ['{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$7el3XIgvRnBfCFiHx5/mMA$FDjRVg+R8zRtFu7CWati0t0mqfy8ubZv/nyHfZn4ohg', 'secret'],
  [
    '{CRYPT}$6$rounds=10000$dM33e9T7$rx4jVKuRtpHA3h9LV3WgLVKmlqidwJtIn5dpN4VU5.9moqJ9wkwJ29ExPPQMp2h9gWq4.bM8FHH74Bu3gFuZT1',
    'secret',
  ],
  ['$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.', 'secret'],
  [
    '$6$rounds=1400$saltystring$fJVRYIgC4Cdf6lpWyh9QROCiW8j1Uq3eR45rWcS3gbbqKze8ATS9c7OG3pbthi.m.Puxwz0Gzizg5xhsxF5rs0',
    long,
  ],
  ['{crypt}$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.', 'secret'],
  ['$5$rounds=1000$abcdefgh$XIppta5rT8zJUu4vAOKQXrwq9uY4Ijlz6VjyOmkx5i4', 'secret'],
  ['$5$saltystring$KI5WlmOvGN7DZA9y1MV/q6tFqF6u4HBL1xCObi9boA/', long],
  ['$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1', 'secret'],
  ['{CRYPT}$1$ab$.V023CzhjOwRjUm6IbL2u1', 'a very long secret, longer than sixteen bytes'],
  ['$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/', 'secret'],
  ['{CRYPT}$2b$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na', 'secret'],
  ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na', 'secret'],
  ['$2y$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na', 'secret'],
  ['{NT}8846F7EAEE8FB117AD06BDD830B7586C', 'password'],
  ['{nt}8846f7eaee8fb117ad06bdd830b7586c', 'password'],
  [
    '{PBKDF2-SHA512}10000$AAECAwQFBgcICQoLDA0ODw$s1qOkFay1DbcR0sablkjBgtOqf1IcoQVkkK1uzR9LdXA0A7SkKhkz0j9Li48.pDMKueSh3UUQNkgDDksLeAu.Q',
    'secret',
  ],
  ['{PBKDF2-SHA1}10000$AAECAwQFBgcICQoLDA0ODw$w7tX5nEMoIv2c5pL4bh51Yovf50', 'secret'],
  ['{PBKDF2-SHA256}10000$AAECAwQFBgcICQoLDA0ODw$OImOyGKQvA8WMIN8WwuclUZFDykpCY/RxWOLBTOe8fg', 'secret'],
  [
    '{PBKDF2_SHA256}AAAIAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj+B9XeOejtyt4BTjI46i3LtcyOiILFyqJgSilUxXiMS6q73bHB/+ZX8IITSt36w6FEBAtkpXO02/zpH0rHl4YSdeZ5hjbd9nDYq0Avw9pABNQVUEj7GBo+Dt2J6hvxICY6SNDtgyGQljMTA64Cc4E6rd/w3uDixLyqzBEc+Ba4lSmEBR6oQsFCJ2fpEquMVx7EG7YG7PZesWyzC+/itvph53qwWtea21d4DWq+gi+HjlMNggdZ5ycW4VWdnfqvWWsKPbrvrvlPNIIWUdoQUFTVIdMJhjnTZ5AeiM9iXBM3G4qbPigqPZyw922t+6ygi+ignwkbT2jWrtAx+Q87w/wL8',
    'secret',
  ],
]

test('hashes of other systems fit their password, and no other', async () => {
  for (const [text, password] of vectors) {
    const read = foreignHash(` ${text}\n`)
    assert.ok('hash' in read, `${text}: ${JSON.stringify(read)}`)
    assert.equal(await verifyPassword(read.hash, password), true, text)
    assert.equal(await verifyPassword(read.hash, `${password}!`), false, text)
    assert.equal(await verifyPassword(read.hash, ''), false, text)
  }
})

test('a hash has one spelling, and reading it again changes nothing', () => {
  for (const [text] of vectors) {
    const read = foreignHash(text)
    assert.deepEqual(foreignHash('hash' in read ? read.hash : ''), read, text)
  }
  assert.deepEqual(foreignHash('{nt}8846f7eaee8fb117ad06bdd830b7586c'), {
    hash: '{NT}8846F7EAEE8FB117AD06BDD830B7586C',
  })
})

test('a hash that cannot be taken over says why', () => {
  const salt = 'c2FsdHNhbHRzYWx0'
  const key = 'aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'
  const cases: [string, RegExp][] = [
    ['', /no scheme/],
    ['secret', /no scheme/],
    ['ab01FAX.bQRSU', /DES crypt/],
    ['{CRYPT}ab01FAX.bQRSU', /DES crypt/],
    ['$y$j9T$abc$def', /begins with \$y\$/],
    ['{CLEARTEXT}secret', /clear text/],
    ['{SASL}freja@EXAMPLE', /\{SASL\}, which is not known/],
    ['{SSHA}short', /cut off/],

    ['{NT}8846F7EA', /32 hexadecimal digits/],
    ['$2b$15$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na', /cost 15; 4 to 14/],
    [`$6$rounds=500001$abcdefgh$${'a'.repeat(86)}`, /500,001 rounds; up to 500,000/],
    [`$6$abcdefgh$${'a'.repeat(43)}`, /cut off/],
    [`$argon2id$v=19$m=262145,t=2,p=1$${salt}$${key}`, /m=262145, t=2, p=1; up to m=262144/],
    [`$argon2id$v=19$m=4194304,t=1000,p=1$${salt}$${key}`, /up to/],
    [`$argon2id$v=19$t=11,m=65536,p=1$${salt}$${key}`, /t=11/],
    [`$argon2d$v=19$m=65536,t=2,p=5$${salt}$${key}`, /p=5/],
    [`$argon2id$v=19$m=0,t=2,p=1$${salt}$${key}`, /cut off/],
    [`$argon2id$v=19$m=65536,t=2,p=1,data=AAAA$${salt}$${key}`, /cut off/],
    [`{PBKDF2-SHA512}1000001$${salt}$${key}`, /1,000,001 rounds/],
    [`{PBKDF2-SHA512}10000$${salt}`, /rounds\$salt\$key/],
    ['{PBKDF2_SHA256}AAAA', /cut off/],
    [`{SSHA}${'A'.repeat(2000)}`, /longer than 1,024/],
  ]
  for (const [text, reason] of cases) {
    const read = foreignHash(text)
    assert.match('problem' in read ? read.problem : 'taken over', reason, text)
    // No part of a hash, or of what was taken for one, is in the sentence.
    assert.doesNotMatch('problem' in read ? read.problem : '', /secret|freja|bQRSU/)
  }
})

test('many rounds leave the event loop free between slices', async () => {
  const hash = `$6$rounds=100000$abcdefgh$${'a'.repeat(86)}`
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await verifyPassword(hash, 'secret')
  isOver = true
  assert.ok(turns >= 99, `the loop turned ${turns} times`)
})

test('MD4 is that of RFC 1320, and an NT hash that of Windows', () => {
  const cases: [string, string][] = [
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    [
      '12345678901234567890123456789012345678901234567890123456789012345678901234567890',
      'e33b4ddc9c38f2199c3e7b164fcc0536',
    ],
  ]
  for (const [text, digest] of cases) assert.equal(md4(Buffer.from(text)).toString('hex'), digest)
  assert.equal(ntHash('').toString('hex'), '31d6cfe0d16ae931b73c59d7e0c089c0')
  assert.equal(ntHash('password').toString('hex'), '8846f7eaee8fb117ad06bdd830b7586c')
})
