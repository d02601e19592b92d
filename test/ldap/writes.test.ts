import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addClient } from '../../server/accounts/clients.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { changeSettings } from '../../server/accounts/settings.ts'
import { addUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import type { Db } from '../../server/store/db.ts'
import { write } from '../../server/store/write.ts'
import { aUser, me } from '../support/people.ts'
import { type Client, connectTo, controls } from './client.ts'
import { asserting } from './controls.ts'
import { base, groups, type Started, users } from './sample.ts'
import {
  addRequest,
  modify,
  modifyRequest,
  passwordRequest,
  removeRequest,
  renameRequest,
  startWritable,
} from './writable.ts'

const secret = 'a-Long-enough-One-7'
const next = 'quite-Another-One-8'
const third = 'and-A-Third-One-9'
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEb2bGqOXwYZJoHYWHzbHDY9Nq1xRQEd8nRvLkGvWlF1 anna@x'

describe('changes over LDAP', () => {
  let db: Db
  let server: Started
  let close: () => Promise<void>
  let boss: Client

  const person = async (dn: string, client = boss) =>
    (await client.search({ base: dn, scope: 'base', attributes: ['*', '+'] })).entries[0]?.attributes
  const signedIn = async (username: string, word: string): Promise<Client> => {
    const client = connectTo(server.port)
    assert.equal(await client.bind(`uid=${username},${users}`, word), 0)
    return client
  }
  const bind = async (username: string, word: string): Promise<number> => {
    const client = connectTo(server.port)
    const code = await client.bind(`uid=${username},${users}`, word)
    client.end()
    return code
  }

  before(async () => {
    ;({ db, server, close } = await startWritable())
    await aUser(db, { username: 'chief', role: 'administrator', password: secret })
    await changePolicy(db, me, { mustChange: false })
    boss = await signedIn('chief', secret)
  })
  after(async () => {
    boss?.end()
    await close?.()
  })

  describe('add', () => {
    const entry = {
      objectClass: ['inetOrgPerson', 'posixAccount', 'shadowAccount'],
      cn: 'Anna Berg',
      sn: 'Berg',
      givenName: 'Anna',
      mail: 'anna@example.lan',
      userPassword: secret,
    }

    it('a person comes with number, home folder and everything else that follows', async () => {
      const answer = await boss.request(addRequest(`uid=Anna,${users}`, entry))
      assert.deepEqual([answer.code, answer.message], [0, ''])
      const found = await person(`uid=anna,${users}`)
      assert.deepEqual(
        [found?.uid, found?.homeDirectory, found?.mail],
        [['anna'], ['/home/anna'], ['anna@example.lan']],
      )
      assert.match(found?.uidNumber?.[0] ?? '', /^2\d\d\d$/)
      assert.equal(await bind('anna', secret), 0)
      const {
        rows: [row],
      } = await auditPage(db, { size: 1 })
      assert.deepEqual([row?.actor, row?.via, row?.sentence], ['chief', 'ldap', 'Added Anna Berg'])
    })

    const refused: [string, string, object, number, RegExp][] = [
      ['that is there', 'uid=anna', {}, 68, /already/],
      ['in a unit that takes none', `uid=x,${base}`, {}, 53, /ou=Users/],
      ['below nothing', `uid=x,ou=nowhere,${base}`, {}, 32, /^$/],
      ['named by something else', 'cn=Anna Berg', {}, 64, /uid alone/],
      ['with another uid than its name', 'uid=xx1', { uid: 'xx2' }, 64, /named by/],
      ['with an unknown attribute', 'uid=xx1', { nonsense: 'x' }, 17, /no attribute nonsense/],
      ['with an unknown class', 'uid=xx1', { objectClass: ['inetOrgPerson', 'nonsense'] }, 21, /no class nonsense/],
      [
        'with a class that nothing brings',
        'uid=xx1',
        { objectClass: ['inetOrgPerson', 'ldapPublicKey'] },
        53,
        /ldapPublicKey/,
      ],
      ['with an attribute that nothing keeps', 'uid=xx1', { carLicense: 'X 1' }, 53, /carLicense/],
      ['with another whole name', 'uid=xx1', { cn: 'Somebody Else' }, 53, /follows from givenName and sn/],
      [
        'with an attribute of the directory',
        'uid=xx1',
        { entryUUID: '00000000-0000-4000-8000-000000000001' },
        19,
        /itself/,
      ],
      ['with two of what there is one of', 'uid=xx1', { homeDirectory: ['/a', '/b'] }, 19, /one value/],
      ['with a value twice', 'uid=xx1', { mail: ['a@b.se', 'A@b.se'] }, 20, /twice/],
      ['with a number that was given', 'uid=xx1', { uidNumber: '2000' }, 19, /cannot be given/],
      ['without a class', 'uid=xx1', { objectClass: [] }, 2, /objectClass/],
      ['with a reserved name', 'uid=root', {}, 19, /reserved/],
      ['with a weak password', 'uid=xx1', { userPassword: 'short' }, 19, /at least/],
      ['with a memberOf', 'uid=xx1', { memberOf: `cn=x,${groups}` }, 53, /at the group/],
    ]
    for (const [what, rdn, more, code, reason] of refused)
      it(`a person ${what} is refused with ${code}`, async () => {
        const dn = rdn.includes(',') ? rdn : `${rdn},${users}`
        const answer = await boss.request(addRequest(dn, { ...entry, ...more }))
        assert.equal(answer.code, code, answer.message)
        assert.match(answer.message, reason)
      })

    it('a number that lies ahead is given, and none below it any more', async () => {
      const ahead = { ...entry, cn: 'Nu Mber', sn: 'Mber', givenName: 'Nu', mail: 'nu@example.lan', uidNumber: '2500' }
      assert.equal((await boss.request(addRequest(`uid=nu,${users}`, ahead))).code, 0)
      assert.deepEqual((await person(`uid=nu,${users}`))?.uidNumber, ['2500'])
      const after = await addUser(db, me, { username: 'afternu', first: 'A', last: 'B' })
      assert.equal(after.uidNumber, 2501)
    })

    it('a hash of another system is taken over, and signs in', async () => {
      const hashed = { ...entry, cn: 'Ha Sh', sn: 'Sh', givenName: 'Ha', mail: 'h@example.lan' }
      // {SSHA} of “secret-of-1998”.
      const { createHash } = await import('node:crypto')
      const salt = Buffer.from('saltsalt')
      const digest = createHash('sha1').update('secret-of-1998').update(salt).digest()
      const ssha = `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
      assert.equal((await boss.request(addRequest(`uid=hash,${users}`, { ...hashed, userPassword: ssha }))).code, 0)
      assert.equal(await bind('hash', 'secret-of-1998'), 0)
    })

    it('a group comes with its members', async () => {
      const group = {
        objectClass: ['groupOfNames', 'posixGroup'],
        description: 'Made over LDAP',
        memberUid: 'anna',
        member: `uid=chief,${users}`,
      }
      const answer = await boss.request(addRequest(`cn=ldappers,${groups}`, group))
      assert.equal(answer.code, 0, answer.message)
      const found = await person(`cn=ldappers,${groups}`)
      assert.deepEqual(found?.memberUid?.sort(), ['anna', 'chief'])
      assert.deepEqual(found?.description, ['Made over LDAP'])
    })
  })

  describe('modify', () => {
    const dn = `uid=moda,${users}`
    before(async () => {
      await addUser(db, me, {
        username: 'moda',
        first: 'Mo',
        last: 'Da',
        password: secret,
        extensions: { contact: { mail: 'moda@example.lan', city: 'Malmö' } },
      })
      await aUser(db, { username: 'friend' })
    })

    it('adds, replaces and deletes in one go', async () => {
      const answer = await modify(
        boss,
        dn,
        ['replace', 'l', 'Lund'],
        ['add', 'mobile', '+46 70 1'],
        ['add', 'sshPublicKey', key],
        ['add', 'objectClass', 'ldapPublicKey'],
        ['delete', 'mail'],
        ['replace', 'givenName', 'Moa'],
      )
      assert.equal(answer.code, 0, answer.message)
      const found = await person(dn)
      assert.deepEqual(
        [found?.l, found?.mobile, found?.sshPublicKey, found?.mail, found?.cn],
        [['Lund'], ['+46 70 1'], [key], undefined, ['Moa Da']],
      )
    })

    it('does all of it or nothing', async () => {
      const answer = await modify(boss, dn, ['replace', 'l', 'Ystad'], ['delete', 'mobile', '+46 70 999'])
      assert.equal(answer.code, 16)
      assert.deepEqual((await person(dn))?.l, ['Lund'])
    })

    const cases: [string, Parameters<typeof modify>[2][], number, RegExp?][] = [
      ['a stale value cannot be deleted', [['delete', 'l', 'Malmö']], 16],
      ['an attribute that is not there cannot be deleted', [['delete', 'title']], 16],
      ['replacing by nothing what is not there is done', [['replace', 'title']], 0],
      ['a value that is there cannot be added', [['add', 'l', 'LUND']], 20],
      ['a second value where one is allowed is refused', [['add', 'homeDirectory', '/other']], 19, /one value/],
      ['a value that is not one of the syntax is refused', [['replace', 'uidNumber', 'abc']], 21],
      ['the number stays', [['replace', 'uidNumber', '3000']], 53, /never changed/],
      ['the number cannot be counted up', [['increment', 'uidNumber', '1']], 53, /never changed/],
      ['text cannot be counted up', [['increment', 'l', '1']], 19],
      ['what names the entry stays', [['replace', 'uid', 'other']], 67, /renaming/],
      ['what the directory keeps stays', [['replace', 'modifyTimestamp', '20260101000000Z']], 19],
      ['an unknown attribute is 17', [['add', 'nonsense', 'x']], 17],
      ['an attribute with an option is 17', [['add', 'l;lang-sv', 'x']], 17],
      ['an attribute that nothing keeps is 53', [['add', 'carLicense', 'X']], 53, /No extension/],
      [
        'a value that its field refuses is 19, with the sentence of the form',
        [['replace', 'mail', 'nonsense']],
        19,
        /name@example/,
      ],
      ['the whole name follows', [['replace', 'cn', 'Somebody Else']], 53, /follows/],
      [
        'the whole name may be sent along',
        [
          ['replace', 'sn', 'Dahl'],
          ['replace', 'cn', 'Moa Dahl'],
        ],
        0,
      ],
      ['a class cannot be taken from under its attributes', [['delete', 'objectClass', 'ldapPublicKey']], 69],
      [
        'it goes with them',
        [
          ['delete', 'objectClass', 'ldapPublicKey'],
          ['delete', 'sshPublicKey'],
        ],
        0,
      ],
      ['the structural class stays', [['delete', 'objectClass', 'inetOrgPerson']], 69],
      ['memberships are changed at the group', [['add', 'memberOf', `cn=x,${groups}`]], 53],
      ['the password is not taken away', [['delete', 'userPassword']], 53],
      ['there is one password', [['replace', 'userPassword', 'a-good-enough-1', 'a-good-enough-2']], 19],
    ]
    for (const [what, changes, code, reason] of cases)
      it(what, async () => {
        const answer = await modify(boss, dn, ...changes)
        assert.equal(answer.code, code, answer.message)
        if (reason) assert.match(answer.message, reason)
      })

    it('a password is set, and the hash of another system taken over', async () => {
      assert.equal((await modify(boss, dn, ['replace', 'userPassword', next])).code, 0)
      assert.equal(await bind('moda', next), 0)
      assert.equal((await modify(boss, dn, ['replace', 'userPassword', '{NONSENSE}abc'])).code, 19)
    })

    it('a person changes the own password with the old one, and a wrong one is told', async () => {
      const moda = await signedIn('moda', next)
      assert.equal(
        (await modify(moda, dn, ['delete', 'userPassword', 'wrong'], ['add', 'userPassword', secret])).code,
        49,
      )
      const changed = await modify(moda, dn, ['delete', 'userPassword', next], ['add', 'userPassword', `${secret}-x`])
      assert.equal(changed.code, 0, changed.message)
      assert.equal(await bind('moda', `${secret}-x`), 0)
      moda.end()
    })

    it('a person changes of the own what the settings allow, and nothing else', async () => {
      await changeSettings(db, me, { ownFields: ['contact.mobile'] })
      const moda = await signedIn('moda', `${secret}-x`)
      assert.equal((await modify(moda, dn, ['replace', 'mobile', '+46 70 2'])).code, 0)
      assert.equal((await modify(moda, dn, ['replace', 'l', 'Ystad'])).code, 50)
      assert.equal((await modify(moda, dn, ['replace', 'sn', 'Boss'])).code, 50)
      // Others are as if they were not there.
      assert.equal((await modify(moda, `uid=friend,${users}`, ['replace', 'mobile', '+46 70 2'])).code, 32)
      moda.end()
    })

    it('who only reads changes nothing, and who is nobody is asked for a name', async () => {
      const { dn: readerDn, password: word } = await addClient(db, me, { name: 'looker', role: 'read' })
      const reader = connectTo(server.port)
      assert.equal((await modify(reader, dn, ['replace', 'l', 'x'])).code, 8)
      await reader.bind(readerDn, word)
      assert.equal((await modify(reader, dn, ['replace', 'l', 'x'])).code, 50)
      assert.equal((await reader.request(addRequest(`uid=no1,${users}`, { objectClass: 'person' }))).code, 50)
      assert.equal((await reader.request(removeRequest(dn))).code, 50)
      assert.equal((await reader.request(renameRequest(dn, 'uid=no2'))).code, 50)
      assert.equal((await reader.request(passwordRequest({ who: dn, new: next }))).code, 50)
      reader.end()
    })

    it('a person learns from no refusal who else is there', async () => {
      await aUser(db, { username: 'prying', password: secret })
      await addGroup(db, me, { name: 'hushed', description: '' })
      await addClient(db, me, { name: 'unseen', role: 'read' })
      const prying = await signedIn('prying', secret)
      const self = `uid=prying,${users}`
      const codeOf = async (request: Buffer) => {
        const { code, matchedDn, message } = await prying.request(request)
        return [code, matchedDn, message].join(' | ')
      }
      const asked: [string, (name: string) => Buffer, there: string, nowhere: string][] = [
        [
          'add a person',
          (name) => addRequest(`uid=${name},${users}`, { objectClass: 'inetOrgPerson', sn: 'x' }),
          'chief',
          'nobody1',
        ],
        ['add a group', (name) => addRequest(`cn=${name},${groups}`, { objectClass: 'posixGroup' }), 'hushed', 'none'],
        [
          'add a client',
          (name) => addRequest(`cn=${name},ou=Internal,${base}`, { objectClass: 'top' }),
          'unseen',
          'x1',
        ],
        ['add below', (name) => addRequest(`cn=x,uid=${name},${users}`, { objectClass: 'top' }), 'chief', 'nobody1'],
        ['change below', (name) => removeRequest(`cn=x,uid=${name},${users}`), 'chief', 'nobody1'],
        ['move below', (name) => renameRequest(self, 'uid=y', true, `uid=${name},${users}`), 'chief', 'nobody1'],
        ['rename to', (name) => renameRequest(self, `uid=${name}`), 'chief', 'nobody1'],
        ['password by DN', (name) => passwordRequest({ who: `uid=${name},${users}`, new: next }), 'chief', 'nobody1'],
        ['password by name', (name) => passwordRequest({ who: name, new: next }), 'chief', 'nobody1'],
        ['old one', (name) => passwordRequest({ who: name, old: 'a-Guess-77', new: next }), 'chief', 'nobody1'],
        ['old one that is right', (name) => passwordRequest({ who: name, old: secret, new: next }), 'chief', 'nobody1'],
        ['of a group', (name) => passwordRequest({ who: `cn=${name},${groups}`, new: next }), 'hushed', 'none'],
        [
          'of a client',
          (name) => passwordRequest({ who: `cn=${name},ou=Internal,${base}`, new: next }),
          'unseen',
          'x1',
        ],
      ]
      for (const [what, request, there, nowhere] of asked)
        assert.equal(await codeOf(request(there)), await codeOf(request(nowhere)), what)
      assert.equal(await bind('chief', secret), 0, 'and changes nothing')
      prying.end()
    })

    it('help desk sets passwords of people whom it cannot search for', async () => {
      await aUser(db, { username: 'helper', role: 'helpdesk', password: secret })
      await aUser(db, { username: 'forgetful', password: secret })
      const helper = await signedIn('helper', secret)
      assert.equal((await helper.request(passwordRequest({ who: 'forgetful', new: next }))).code, 0)
      assert.equal(await bind('forgetful', next), 0)
      assert.equal((await helper.request(passwordRequest({ who: 'forgetful', new: 'x' }))).code, 19)
      assert.equal((await helper.request(passwordRequest({ who: 'chief', new: next }))).code, 32)
      helper.end()
    })

    it('the samba role changes people, and none of the administrators’ passwords', async () => {
      const { dn: sambaDn, password: word } = await addClient(db, me, { name: 'smb', role: 'samba' })
      const samba = connectTo(server.port)
      await samba.bind(sambaDn, word)
      assert.equal((await samba.request(passwordRequest({ who: `uid=friend,${users}`, new: next }))).code, 0)
      assert.equal((await userByUsername(db, 'friend')).mustChange, undefined)
      assert.equal((await samba.request(passwordRequest({ who: `uid=chief,${users}`, new: next }))).code, 50)
      assert.equal((await modify(samba, `uid=chief,${users}`, ['replace', 'userPassword', next])).code, 50)
      samba.end()
    })

    it('on a slave it is refused, and the master named', async () => {
      db.local.mode = 'slave'
      db.local.masterName = 'master.example.lan'
      try {
        const answer = await modify(boss, dn, ['replace', 'l', 'Ystad'])
        assert.equal(answer.code, 53)
        assert.match(answer.message, /master\.example\.lan/)
      } finally {
        db.local.mode = 'master'
      }
    })
  })

  describe('members of a group', () => {
    const dn = `cn=crew,${groups}`
    const members = async () => (await person(dn))?.memberUid?.sort() ?? []
    before(async () => {
      await addGroup(db, me, { name: 'crew', description: 'Crew' })
      await addGroup(db, me, { name: 'inner', description: 'Inner' })
      for (const username of ['c1', 'c2', 'c3']) await aUser(db, { username })
      await addMembers(db, me, (await groupByName(db, 'inner')).id, { usernames: ['c3'] })
    })

    it('are added and removed by name or by DN, one list for both', async () => {
      assert.equal((await modify(boss, dn, ['add', 'memberUid', 'C1'], ['add', 'member', `uid=c2,${users}`])).code, 0)
      assert.deepEqual(await members(), ['c1', 'c2'])
      const both = await modify(boss, dn, ['delete', 'memberUid', 'c1'], ['delete', 'member', `uid=c1,${users}`])
      assert.equal(both.code, 0, both.message)
      assert.deepEqual(await members(), ['c2'])
      assert.equal((await modify(boss, dn, ['add', 'memberUid', 'c2'])).code, 20)
      assert.equal((await modify(boss, dn, ['delete', 'memberUid', 'c1'])).code, 16)
      assert.equal((await modify(boss, dn, ['add', 'memberUid', 'nobody-here'])).code, 19)
      assert.equal((await modify(boss, dn, ['add', 'member', `cn=inner,${groups}`])).code, 19)
    })

    it('are replaced as a whole, together with the description', async () => {
      const answer = await modify(
        boss,
        dn,
        ['replace', 'memberUid', 'c1', 'c2'],
        ['replace', 'description', 'The crew'],
      )
      assert.equal(answer.code, 0, answer.message)
      assert.deepEqual(await members(), ['c1', 'c2'])
      assert.equal((await modify(boss, dn, ['replace', 'member'])).code, 0)
      assert.deepEqual(await members(), [])
    })

    it('who is in it through another group stays in it, and the reason is told', async () => {
      await addMembers(db, me, (await groupByName(db, 'crew')).id, { groups: ['inner'] })
      assert.deepEqual(await members(), ['c3'])
      const answer = await modify(boss, dn, ['delete', 'memberUid', 'c3'])
      assert.equal(answer.code, 53)
      assert.match(answer.message, /through another/)
    })

    it('the group of a plugin turns it on and off', async () => {
      const plugin = `cn=ftp_plugin,${groups}`
      assert.equal((await modify(boss, plugin, ['add', 'memberUid', 'c1'])).code, 0)
      assert.deepEqual((await userByUsername(db, 'c1')).plugins, ['ftp'])
      assert.equal((await modify(boss, plugin, ['delete', 'member', `uid=c1,${users}`])).code, 0)
      assert.deepEqual((await userByUsername(db, 'c1')).plugins, [])
      assert.equal((await modify(boss, plugin, ['replace', 'description', 'x'])).code, 53)
      assert.equal((await boss.request(removeRequest(plugin))).code, 53)
    })

    it('everyone’s group, and the directory’s own entries, stay as they are', async () => {
      assert.equal((await modify(boss, `cn=allusers,${groups}`, ['delete', 'memberUid', 'c1'])).code, 50)
      assert.equal((await modify(boss, users, ['replace', 'description', 'x'])).code, 53)
      assert.equal((await boss.request(removeRequest(base))).code, 66)
    })
  })

  describe('rename and remove', () => {
    it('another username moves the entry, and its memberships with it', async () => {
      await aUser(db, { username: 'old-name' })
      await addMembers(db, me, (await groupByName(db, 'crew')).id, { usernames: ['old-name'] })
      assert.equal((await boss.request(renameRequest(`uid=old-name,${users}`, 'uid=new-name'))).code, 0)
      assert.ok((await person(`cn=crew,${groups}`))?.member?.includes(`uid=new-name,${users}`))
      const same = await boss.request(
        renameRequest(`uid=new-name,${users}`, 'uid=newer-name', true, users.toUpperCase()),
      )
      assert.equal(same.code, 0, same.message)
    })

    const cases: [string, Buffer, number][] = [
      ['to a name that is taken', renameRequest(`uid=newer-name,${users}`, 'uid=c1'), 68],
      ['to another unit', renameRequest(`uid=newer-name,${users}`, 'uid=x1', true, groups), 71],
      ['keeping the old name as well', renameRequest(`uid=newer-name,${users}`, 'uid=x1', false), 53],
      ['by another attribute', renameRequest(`uid=newer-name,${users}`, 'cn=x1'), 64],
      ['of what is not there', renameRequest(`uid=none,${users}`, 'uid=x1'), 32],
      ['to what is no RDN', renameRequest(`uid=newer-name,${users}`, 'nonsense'), 34],
      ['of the group of a plugin', renameRequest(`cn=ftp_plugin,${groups}`, 'cn=x1'), 53],
    ]
    for (const [what, request, code] of cases)
      it(`a rename ${what} is refused with ${code}`, async () => {
        const answer = await boss.request(request)
        assert.equal(answer.code, code, answer.message)
      })

    it('a group is renamed, and goes', async () => {
      assert.equal((await boss.request(renameRequest(`cn=inner,${groups}`, 'cn=innermost'))).code, 0)
      assert.equal((await boss.request(removeRequest(`cn=innermost,${groups}`))).code, 0)
      assert.equal((await boss.request(removeRequest(`cn=innermost,${groups}`))).code, 32)
    })

    it('who is removed goes to the recycle bin', async () => {
      assert.equal((await boss.request(removeRequest(`uid=newer-name,${users}`))).code, 0)
      await assert.rejects(userByUsername(db, 'newer-name'))
      const {
        rows: [row],
      } = await auditPage(db, { size: 1 })
      assert.equal(row?.via, 'ldap')
    })

    it('the last administrator stays', async () => {
      for (const { username } of [{ username: 'admin' }]) {
        const other = await userByUsername(db, username).catch(() => undefined)
        if (other) await removeUser(db, me, other.id)
      }
      const answer = await boss.request(removeRequest(`uid=chief,${users}`))
      assert.equal(answer.code, 19)
      assert.match(answer.message, /last administrator/)
    })
  })

  describe('what a request asserts and reads', () => {
    const dn = `uid=reada,${users}`
    const attributes = (...names: string[]) => tlv(0x30, ...names.map((name) => tlv(0x04, name)))
    const uidIs = (value: string) => tlv(0xa3, tlv(0x04, 'l'), tlv(0x04, value))
    const withControls = (changes: Parameters<typeof modify>[2][], ...list: Parameters<typeof controls>) =>
      import('./writable.ts').then(({ modifyRequest }) => boss.request(modifyRequest(dn, changes), controls(...list)))
    before(async () => {
      await addUser(db, me, { username: 'reada', first: 'Re', last: 'Ada', extensions: { contact: { city: 'Malmö' } } })
    })

    it('a change is made only where the assertion holds', async () => {
      const wrong = await withControls([['replace', 'l', 'Lund']], ['1.3.6.1.1.12', true, uidIs('Ystad')])
      assert.equal(wrong.code, 122)
      const right = await withControls([['replace', 'l', 'Lund']], ['1.3.6.1.1.12', true, uidIs('MALMÖ')])
      assert.equal(right.code, 0)
    })

    it('the entry is told as it was and as it is', async () => {
      const answer = await withControls(
        [['replace', 'l', 'Kalmar']],
        ['1.3.6.1.1.13.1', true, attributes('l')],
        ['1.3.6.1.1.13.2', true, attributes('l', 'userPassword')],
      )
      const text = answer.response.toString('latin1')
      assert.ok(text.indexOf('Lund') > 0 && text.indexOf('Lund') < text.indexOf('Kalmar'))
      assert.equal(text.includes('argon2'), false)
    })

    it('so it is with who is in a group, or has a plugin', async () => {
      for (let i = 0; i < 6; i++) await aUser(db, { username: `first${i}` })
      await addGroup(db, me, { name: 'duty', description: '' })
      const nobody = controls(asserting('(!(memberUid=*))'))
      for (const dn of [`cn=duty,${groups}`, `cn=pptpd_plugin,${groups}`]) {
        const join = (name: string) => boss.request(modifyRequest(dn, [['add', 'memberUid', name]]), nobody)
        const others = await Promise.all(Array.from({ length: 5 }, () => signedIn('chief', secret)))
        const joined = others.map((client, i) =>
          client.request(modifyRequest(dn, [['add', 'memberUid', `first${i}`]]), nobody),
        )
        const codes = (await Promise.all([...joined, join('first5')])).map(({ code }) => code)
        assert.deepEqual(codes.sort(), [0, 122, 122, 122, 122, 122], dn)
        assert.equal((await person(dn))!.memberUid!.length, 1)
        for (const client of others) client.end()
      }
    })

    it('a removal that asserts something is made of what it was asserted of', async () => {
      const other = await signedIn('chief', secret)
      /** The removal is judged while the change before it still waits for its turn. */
      const raced = async (dn: string, change: Buffer, asserted: string): Promise<string> => {
        const turn = write(db, me, () => sleep(100))
        const changed = other.request(change)
        await sleep(40)
        const gone = boss.request(removeRequest(dn), controls(asserting(asserted)))
        await turn
        return `${(await changed).code} ${(await gone).code}`
      }
      await addGroup(db, me, { name: 'empty', description: '' })
      const empty = `cn=empty,${groups}`
      const joining = modifyRequest(empty, [['add', 'memberUid', 'first0']])
      assert.match(await raced(empty, joining, '(!(memberUid=*))'), /^(0 122|32 0)$/)
      const who = `uid=first1,${users}`
      const moving = modifyRequest(who, [['replace', 'l', 'Kalmar']])
      assert.match(await raced(who, moving, '(!(l=Kalmar))'), /^(0 122|32 0)$/)
      other.end()
    })

    it('assertions that many clients make of one entry at a time hold for one of them', async () => {
      const attempts = Array.from({ length: 20 }, (_, i) =>
        withControls([['replace', 'l', `City ${i}`]], ['1.3.6.1.1.12', true, uidIs('Kalmar')]),
      )
      const codes = (await Promise.all(attempts)).map(({ code }) => code)
      assert.deepEqual(codes.filter((code) => code === 0).length, 1)
      assert.deepEqual(codes.filter((code) => code === 122).length, 19)
    })
  })

  describe('Password Modify', () => {
    const dn = `uid=passa,${users}`
    before(async () => {
      await addUser(db, me, { username: 'passa', first: 'Pa', last: 'Ssa', password: secret })
    })
    const generated = (response: Buffer): string =>
      /[a-z0-9]{5}(-[a-z0-9]{5}){3}/.exec(response.toString('latin1'))?.[0] ?? ''

    it('an administrator sets one for somebody, by DN or by username, or has one made', async () => {
      assert.equal((await boss.request(passwordRequest({ who: dn, new: next }))).code, 0)
      assert.equal(await bind('passa', next), 0)
      await changePolicy(db, me, { mustChange: true })
      const made = generated((await boss.request(passwordRequest({ who: 'passa' }))).response)
      assert.match(made, /-/)
      const policy = controls(['1.3.6.1.4.1.42.2.27.8.5.1', false])
      const client = connectTo(server.port)
      // Somebody else has set it: with the control that says so, the bind leads to a new one and to nothing else.
      const { bindRequest } = await import('./client.ts')
      assert.equal((await client.request(bindRequest(dn, made))).code, 49)
      const told = await client.request(bindRequest(dn, made), policy)
      assert.equal(told.code, 0)
      assert.ok(told.response.includes(integerTlv(2, 0x81)))
      assert.equal((await client.search({ base: dn, scope: 'base' })).code, 50)
      assert.equal((await client.request(passwordRequest({ who: `uid=chief,${users}`, new: next }))).code, 50)
      assert.equal((await client.request(passwordRequest({ new: third }))).code, 0)
      assert.equal((await client.search({ base: dn, scope: 'base' })).code, 0)
      client.end()
      assert.equal(await bind('passa', third), 0)
      await changePolicy(db, me, { mustChange: false })
    })

    it('who must set a new one may do so by a modify, which then may hold nothing else', async () => {
      await addUser(db, me, { username: 'musta', first: 'Mu', last: 'Sta', password: secret, mustChange: true })
      const own = `uid=musta,${users}`
      const client = connectTo(server.port)
      const { bindRequest } = await import('./client.ts')
      await client.request(bindRequest(own, secret), controls(['1.3.6.1.4.1.42.2.27.8.5.1', false]))
      assert.equal(await client.whoAmI(), `dn:${own}`)
      for (const refused of [
        await modify(client, own),
        await modify(client, own, ['replace', 'title', 'x']),
        await modify(client, own, ['replace', 'userPassword', next], ['replace', 'title', 'x']),
        await modify(client, dn, ['replace', 'userPassword', next]),
        await client.search({ base: own, scope: 'base' }),
      ]) {
        assert.equal(refused.code, 50)
        assert.match(refused.message, /own password has to be changed first/)
      }
      assert.equal((await modify(client, own, ['replace', 'userPassword', 'short'])).code, 19)
      assert.equal((await client.search({ base: own, scope: 'base' })).code, 50)
      assert.equal(
        (await modify(client, own, ['delete', 'userPassword', secret], ['add', 'userPassword', next])).code,
        0,
      )
      assert.equal((await client.search({ base: own, scope: 'base' })).code, 0)
      client.end()
      assert.equal(await bind('musta', next), 0)
    })

    it('a person changes the own one; a wrong old one is 49 and counts', async () => {
      const passa = await signedIn('passa', third)
      assert.equal((await passa.request(passwordRequest({ old: 'wrong', new: next }))).code, 49)
      const short = await passa.request(
        passwordRequest({ old: third, new: 'short' }),
        controls(['1.3.6.1.4.1.42.2.27.8.5.1', false]),
      )
      assert.equal(short.code, 19)
      assert.ok(short.response.includes(integerTlv(6, 0x81)), 'passwordTooShort')
      const again = await passa.request(
        passwordRequest({ old: third, new: third }),
        controls(['1.3.6.1.4.1.42.2.27.8.5.1', false]),
      )
      assert.ok(again.response.includes(integerTlv(8, 0x81)), 'passwordInHistory')
      assert.equal((await passa.request(passwordRequest({ old: third, new: `${third}-x` }))).code, 0)
      assert.equal((await passa.request(passwordRequest({ who: `uid=chief,${users}`, new: next }))).code, 32)
      passa.end()
      assert.equal(await bind('passa', `${third}-x`), 0)
      assert.equal(await bind('passa', third), 49)
    })

    it('nobody changes one without a name, and nobody’s is not changed', async () => {
      const client = connectTo(server.port)
      assert.equal((await client.request(passwordRequest({ who: dn, old: next, new: secret }))).code, 8)
      client.end()
      assert.equal((await boss.request(passwordRequest({ who: `uid=none,${users}`, new: next }))).code, 32)
      assert.equal((await boss.request(passwordRequest({ who: `cn=crew,${groups}`, new: next }))).code, 53)
    })

    it('it asks for nothing that is longer than a password', async () => {
      assert.equal((await boss.request(passwordRequest({ who: dn, new: 'x'.repeat(64 * 1024) }))).code, 19)
    })
  })
})
