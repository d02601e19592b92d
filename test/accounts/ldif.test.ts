import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { importDone, startImport } from '../../server/accounts/import.ts'
import { isLdif, readLdif } from '../../server/accounts/ldif.ts'
import { exportLdif } from '../../server/accounts/ldif-export.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { Invalid } from '../../server/errors.ts'
import type { Db } from '../../server/store/db.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let db: Db

before(async () => {
  store = await aMasterStore()
  db = store.db
})
after(() => store.close())

const run = async (text: string, target = db) =>
  importDone(
    (await startImport(target, me, { file: 'old.ldif', text: Buffer.from(text), dryRun: false, lenient: true })).id,
  )

async function entries(text: string) {
  const found: object[] = []
  for await (const { dn, attributes } of readLdif(Buffer.from(text)))
    found.push({ dn, ...Object.fromEntries(attributes) })
  return found
}

const problem = (text: string): Promise<string> =>
  entries(text).then(
    () => '',
    (error: unknown) => {
      if (error instanceof Invalid) return error.problems.file ?? ''
      throw error
    },
  )

describe('reading LDIF', () => {
  test('comments, folded lines, base64, options and CRLF are read as RFC 2849 has them', async () => {
    const text =
      'version: 1\r\n# a comment\r\n  that goes on\r\ndn: uid=a,dc=x\r\ncn:: w4VzYQ==\r\ndescription: two\r\n  words\r\nmail;x-work: a@x.lan\r\nmail: b@x.lan\r\n\r\n\r\ndn:: dWlkPWIsZGM9eA==\nuid: b'
    assert.deepEqual(await entries(text), [
      { dn: 'uid=a,dc=x', cn: ['Åsa'], description: ['two words'], mail: ['a@x.lan', 'b@x.lan'] },
      { dn: 'uid=b,dc=x', uid: ['b'] },
    ])
  })

  test('what ldapsearch writes besides entries is passed over', async () => {
    const text =
      '# a, x\ndn: uid=a,dc=x\nuid: a\n\n# search reference\nref: ldap://other/dc=y\n\n# search result\nsearch: 2\nresult: 0 Success\n\n# numEntries: 1\n'
    assert.deepEqual(await entries(text), [{ dn: 'uid=a,dc=x', uid: ['a'] }])
  })

  test('what is no text is left out', async () => {
    assert.deepEqual(await entries('dn: uid=a,dc=x\njpegPhoto:: /9j/4AAQ\nuid: a\n'), [
      { dn: 'uid=a,dc=x', uid: ['a'] },
    ])
  })

  const refused: [string, string, RegExp][] = [
    [
      'changes',
      'dn: uid=a,dc=x\nchangetype: modify\nreplace: cn\ncn: A\n-\n',
      /It holds changes \(line 2: changetype: modify\)/,
    ],
    [
      'values elsewhere',
      'dn: uid=a,dc=x\njpegPhoto:< file:///etc/passwd\n',
      /Line 2 takes the value of jpegPhoto from a file/,
    ],
    ['another version', 'version: 7\ndn: uid=a,dc=x\n', /Line 1 says LDIF version 7/],
    ['no dn', 'cn: a\n', /Line 1 should begin an entry with “dn:”/],
    ['no attribute', 'dn: uid=a,dc=x\nnonsense\n', /Line 2 is no attribute/],
    ['bad base64', 'dn: uid=a,dc=x\ncn:: ***\n', /value of cn in line 2 is no base64/],
    ['NUL', 'dn: uid=a,dc=x\ncn: a\0b\n', /not a text file/],
  ]
  for (const [name, text, sentence] of refused)
    test(`a file with ${name} is refused with its line`, async () => assert.match(await problem(text), sentence))

  test('it is known by its name or its first line', () => {
    assert.equal(isLdif('x.ldif', Buffer.from('')), true)
    assert.equal(isLdif('x.txt', Buffer.from('# slapcat\n\ndn: dc=x\n')), true)
    assert.equal(isLdif('x.csv', Buffer.from('core.username,dn\n')), false)
  })
})

const clearOs = `dn: cn=Freja Nyström,ou=Users,ou=Accounts,dc=old,dc=lan
objectClass: top
objectClass: posixAccount
objectClass: inetOrgPerson
objectClass: clearAccount
objectClass: sambaSamAccount
cn: Freja Nyström
sn: Nyström
givenName: Freja
uid: Freja
uidNumber: 1001
gidNumber: 63000
telephoneNumber: +46 40 555 7260
sambaNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C
sambaAcctFlags: [U          ]

dn: cn=Gone Person,ou=Users,ou=Accounts,dc=old,dc=lan
objectClass: inetOrgPerson
objectClass: sambaSamAccount
cn: Gone Person
sn: Person
uid: gone
sambaAcctFlags: [UD         ]

dn: uid=pc-12$,ou=Computers,ou=Accounts,dc=old,dc=lan
objectClass: sambaSamAccount
objectClass: account
uid: pc-12$

dn: cn=allusers,ou=Groups,ou=Accounts,dc=old,dc=lan
objectClass: posixGroup
cn: allusers
gidNumber: 63000
memberUid: freja

dn: cn=domain_users,ou=Groups,ou=Accounts,dc=old,dc=lan
objectClass: posixGroup
cn: domain_users
memberUid: freja

dn: cn=ftp_plugin,ou=Groups,ou=Accounts,dc=old,dc=lan
objectClass: posixGroup
cn: ftp_plugin
member: cn=Freja Nystr\\c3\\b6m, ou=Users,ou=Accounts,dc=old,dc=lan

dn: cn=design,ou=Groups,ou=Accounts,dc=old,dc=lan
objectClass: posixGroup
cn: design
description: Design studio
memberUid: freja
memberUid: gone
`

describe('entries of another directory', () => {
  test('a ClearOS directory comes with its people, plugins, groups, hashes and who was disabled', async () => {
    const job = await run(clearOs)
    assert.deepEqual([job.state, job.added, job.refused], ['done', 2, []])
    const freja = await userByUsername(db, 'freja')
    assert.deepEqual([freja.first, freja.last, freja.plugins], ['Freja', 'Nyström', ['ftp']])
    assert.equal(freja.extensions.contact?.telephone, '+46 40 555 7260')
    assert.equal((await signIn(db, 'freja', 'password')).username, 'freja')
    assert.equal((await userByUsername(db, 'gone')).status, 'disabled')
    assert.equal((await groupByName(db, 'design')).description, 'Design studio')
    assert.deepEqual(
      (await usersPage(db, { group: 'design', sort: 'username' })).rows.map(({ username }) => username),
      ['freja', 'gone'],
    )
    const notices = job.notices.join(' ')
    assert.match(notices, /1 computer is left out/)
    assert.match(notices, /reserved or not possible here are left out: domain_users/)
    assert.match(notices, /Numbers .* are given anew/)
  })

  test('what only ClearOS has comes along: its own hashes and status, its built-in people, lists, and Kopano', async () => {
    for (const name of ['mail', 'zarafa']) await setExtensionOn(db, me, name, true)
    const person = (uid: string, more: string) =>
      `dn: cn=${uid} Ek,ou=Users,dc=x\nobjectClass: inetOrgPerson\nobjectClass: clearAccount\nuid: ${uid}\ncn: ${uid} Ek\nsn: Ek\nhomeDirectory: /home/${uid}\n${more}\n\n`
    const job = await run(
      [
        person('clear2', 'clearSHAPassword: {sha}5en6G6MezRroT3XKqkdPOmY/BfQ=\nclearAccountStatus: enabled'),
        person('clear3', 'clearMicrosoftNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C\nclearAccountStatus: Disabled'),
        person('clear4', 'kopanoAccount: 1\nkopanoAdmin: 0\nkopanoQuotaHard: 1000'),
        person('winadmin', 'clearAccountStatus: enabled'),
        person('nomembers', ''),
        'dn: cn=newsletter,dc=x\nobjectClass: posixGroup\ncn: newsletter\nmemberUid: clear2\nmail: news@x.lan\nclearMailDistributionList: 1\n\n',
        'dn: cn=odd,dc=x\nobjectClass: posixGroup\ncn: odd\nmemberUid: clear2\nmail: no address\n',
      ].join(''),
    )
    assert.deepEqual([job.added, job.refused], [3, []])
    const [clear2, clear3, clear4] = await Promise.all(['clear2', 'clear3', 'clear4'].map((n) => userByUsername(db, n)))
    assert.deepEqual([clear2?.hasPassword, clear2?.status, clear2?.extensions.shell], [true, 'enabled', undefined])
    assert.deepEqual([clear3?.hasPassword, clear3?.status], [true, 'disabled'])
    assert.deepEqual(clear4?.extensions.zarafa, { account: true, administrator: false, hardQuota: '1000' })
    const [list, odd] = await Promise.all([groupByName(db, 'newsletter'), groupByName(db, 'odd')])
    assert.deepEqual(list.extensions, { mail: { distributionList: true, mail: 'news@x.lan' } })
    assert.deepEqual(odd.extensions, {})
    const notices = job.notices.join(' ')
    assert.match(notices, /reserved for the system are left out: winadmin, nomembers/)
    assert.match(notices, /One value of mail\.mail of groups cannot be taken here/)
  })

  test('more kinds of attributes than any directory has are refused', async () => {
    const attributes = Array.from({ length: 501 }, (_, n) => `a${n}: b`).join('\n')
    await assert.rejects(
      run(`dn: uid=wide1,dc=x\nobjectClass: person\nuid: wide1\ncn: A B\n${attributes}\n`),
      /more than 500 kinds of attributes/,
    )
  })

  test('a password in clear text is taken as a password, and no page or record shows it', async () => {
    const job = await run(
      'dn: uid=clear1,dc=x\nobjectClass: inetOrgPerson\nuid: clear1\ncn: Clear One\nsn: One\nuserPassword: in-the-clear-9\n',
    )
    assert.deepEqual([job.added, job.refused], [1, []])
    assert.equal((await signIn(db, 'clear1', 'in-the-clear-9')).username, 'clear1')
    assert.doesNotMatch(JSON.stringify(await db.reader('audit')), /in-the-clear/)
  })

  test('a file without people is refused', async () => {
    await assert.rejects(run('dn: dc=x\nobjectClass: domain\ndc: x\n'), /No people were found/)
  })
})

describe('exporting LDIF', () => {
  test('each attribute comes with the class that allows it, and nothing of an extension that is off or out of LDAP', async () => {
    const own = await aMasterStore('standalone')
    try {
      const all = ['mail', 'zarafa', 'samba']
      for (const name of all) await setExtensionOn(own.db, me, name, true)
      await aUser(own.db, {
        username: 'whole',
        extensions: {
          mail: { address: 'whole@example.lan' },
          zarafa: { account: 'yes', hardQuota: '1000' },
          samba: { account: 'yes' },
          shell: { sshKeys: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx whole@laptop' },
        },
      })
      const entry = async () => {
        let text = ''
        for await (const part of exportLdif(own.db)) text += part
        const [, lines = ''] = /dn: uid=whole,[^\n]*\n(.*?)\n\n/s.exec(text) ?? []
        return lines
      }
      const classes = (lines: string) => [...lines.matchAll(/^objectClass: (.*)$/gm)].map(([, name]) => name).slice(6)
      const lines = await entry()
      assert.deepEqual(classes(lines).sort(), [
        'clearMailAccount',
        'inetLocalMailRecipient',
        'ldapPublicKey',
        'zarafa-user',
      ])
      assert.match(lines, /^zarafaQuotaSoft: 950$/m)
      assert.doesNotMatch(lines, /samba/i)
      for (const name of [...all, 'shell']) await setExtensionOn(own.db, me, name, false)
      assert.deepEqual(classes(await entry()), [])
      assert.doesNotMatch(await entry(), /zarafa|mail|ssh/i)
    } finally {
      await own.close()
    }
  })

  test('what is exported can be imported elsewhere, without any secret in it', async () => {
    await setExtensionOn(db, me, 'mail', true)
    const list = { mail: { distributionList: 'yes', mail: 'outer@example.lan' } }
    await addGroup(db, me, { name: 'outer', description: 'Holds “inner” – and more', extensions: list })
    await addGroup(db, me, { name: 'inner', description: '' })
    await aUser(db, {
      username: 'exp1',
      first: 'Åsa',
      last: 'Öberg',
      password,
      groups: ['inner'],
      plugins: ['smtp'],
      extensions: { contact: { city: 'Malmö', title: 'x'.repeat(120) }, mail: { aliases: 'exp.one, exp.two' } },
    })
    await addMembers(db, me, (await groupByName(db, 'outer')).id, { groups: ['inner'] })
    let text = ''
    for await (const part of exportLdif(db)) text += part
    assert.doesNotMatch(text, /argon2|userPassword|sambaNTPassword|8846F7EA/i)
    assert.equal(
      text.split('\n').every((line) => line.length <= 76),
      true,
      'a line is longer than 76',
    )
    assert.match(text, /dn: cn=outer,.*?memberUid: exp1\nmember: uid=exp1,/s)

    const other = await aMasterStore('standalone')
    try {
      await setExtensionOn(other.db, me, 'mail', true)
      const job = await run(text, other.db)
      assert.deepEqual(
        job.refused.map(({ username }) => username),
        ['admin'],
      )
      const [here, there] = await Promise.all([userByUsername(db, 'exp1'), userByUsername(other.db, 'exp1')])
      for (const field of ['first', 'last', 'plugins'] as const) assert.deepEqual(there[field], here[field])
      assert.deepEqual(
        [there.extensions.contact, there.extensions.mail],
        [here.extensions.contact, here.extensions.mail],
      )
      assert.equal((await userByUsername(other.db, 'gone')).status, 'disabled')
      const { rows } = await usersPage(other.db, { search: 'exp1' })
      assert.deepEqual(rows[0]?.groupNames, ['inner', 'outer'])
      const [outer, was] = await Promise.all([groupByName(other.db, 'outer'), groupByName(db, 'outer')])
      assert.deepEqual([outer.description, outer.extensions], [was.description, was.extensions])
    } finally {
      await other.close()
    }
  })
})
