import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { foreignHash } from '../../server/accounts/foreign-hashes.ts'
import { groupByName, groupsByIds } from '../../server/accounts/groups.ts'
import { ntHash } from '../../server/accounts/md4.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { changeUser, removeUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import { domainOf, setUpDomain } from '../../server/samba/domain.ts'
import { addMachine, machineByName, machineList, removeMachine } from '../../server/samba/machines.ts'
import { hashOf } from '../../server/samba/nt-hash.ts'
import type { Db } from '../../server/store/db.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let db: Db
let close: () => Promise<void>
const secret = 'quiet-river-stone-42'

before(async () => {
  ;({ db, close } = await aMasterStore())
})
after(() => close())

const hash = (password: string): string => ntHash(password).toString('hex').toUpperCase()
const kept = async (username: string): Promise<string | undefined> =>
  hashOf(db, db.reader, (await userByUsername(db, username)).id)

test('a domain is set up once, with a SID that stays and an administrator of its own', async () => {
  const domain = await setUpDomain(db, me, { name: 'example', password: secret })
  assert.equal(domain.name, 'EXAMPLE')
  assert.match(domain.sid, /^S-1-5-21-\d+-\d+-\d+$/)
  const again = await setUpDomain(db, me, { name: 'OFFICE' })
  assert.equal(again.sid, domain.sid)
  assert.equal(again.id, domain.id)
  assert.equal((await domainOf(db))?.name, 'OFFICE')
  await setUpDomain(db, me, { name: 'EXAMPLE' })
  assert.equal(await kept('winadmin'), hash(secret))
  await assert.rejects(setUpDomain(db, me, { name: 'much too long a name' }), /Windows domain must have/)
})

test('what Windows keeps of a password comes and goes with the Windows account', async () => {
  const windows = { samba: { account: 'yes' } }
  await aUser(db, { username: 'anna', password: secret, extensions: windows })
  await aUser(db, { username: 'bert', password: secret })
  assert.equal(await kept('anna'), hash(secret))
  assert.equal(await kept('bert'), undefined)
  const anna = await userByUsername(db, 'anna')
  await setPassword(db, me, anna.id, 'wooden-kettle-horse-9')
  assert.equal(await kept('anna'), hash('wooden-kettle-horse-9'))
  await changeUser(db, me, anna.id, { extensions: { samba: { account: 'no' } } })
  assert.equal(await kept('anna'), undefined)
  await changeUser(db, me, anna.id, { extensions: windows, mustChange: false })
  await removeUser(db, me, anna.id)
  assert.equal(await hashOf(db, db.reader, anna.id), undefined)
})

test('everybody with a Windows account is in Domain Users, on the pages as in LDAP', async () => {
  const before = (await usersPage(db, { group: 'domain_users' })).rows.map(({ username }) => username)
  assert.deepEqual(before, ['winadmin'])
  const person = await aUser(db, { username: 'dora', extensions: { samba: { account: 'yes' } } })
  const { id } = await groupByName(db, 'domain_users')
  const [group] = await groupsByIds(db, [id])
  assert.deepEqual([group?.members, group?.direct], [2, 0])
  await changeUser(db, me, person.id, { extensions: { samba: { account: 'no' } } })
  assert.equal((await usersPage(db, { group: 'domain_users' })).total, 1)
})

test('who gets a Windows account later has it from the next sign-in on', async () => {
  const passwordHash = `{SHA}${createHash('sha1').update(secret).digest('base64')}`
  const judged = foreignHash(passwordHash)
  assert.ok('hash' in judged)
  await aUser(db, { username: 'carl', passwordHash: judged.hash, extensions: { samba: { account: 'yes' } } })
  assert.equal(await kept('carl'), undefined)
  await signIn(db, 'carl', secret)
  assert.equal(await kept('carl'), hash(secret))
})

test('turning Windows Networking off takes every hash of a password with it', async () => {
  await setExtensionOn(db, me, 'samba', false)
  const rows: { body: string }[] = await db.reader('objects').where({ kind: 'nt-hash', deleted: false })
  assert.deepEqual(
    rows.filter(({ body }) => JSON.parse(body).of === 'user'),
    [],
  )
  await setExtensionOn(db, me, 'samba', true)
  assert.equal(await kept('carl'), undefined)
  await signIn(db, 'carl', secret)
  assert.equal(await kept('carl'), hash(secret))
})

test('no hash of a password lies in the database as it is', async () => {
  const found: { n: number }[] = await db
    .reader('objects')
    .whereRaw('lower(body) like ?', [`%${hash(secret).toLowerCase()}%`])
    .count({ n: '*' })
  assert.equal(Number(found[0]?.n), 0)
  const audit: { n: number }[] = await db
    .reader('audit')
    .whereRaw('lower(changes) like ?', [`%${hash(secret).toLowerCase()}%`])
    .count({ n: '*' })
  assert.equal(Number(audit[0]?.n), 0)
})

test('computers are added with a number and a SID of their own, found in any spelling, and removed with their secret', async () => {
  const { sid } = (await domainOf(db))!
  const machine = await addMachine(db, me, { name: 'WS1', password: 'machine-secret' })
  assert.equal(machine.name, 'ws1$')
  assert.equal(machine.sid, `${sid}-${machine.uidNumber}`)
  assert.equal(machine.flags, '[W          ]')
  assert.equal(await hashOf(db, db.reader, machine.id), hash('machine-secret'))
  const server = await addMachine(db, me, { name: 'bdc$', kind: 'server' })
  assert.equal(server.kind, 'server')
  const again = await addMachine(db, me, { name: 'ws1', password: 'another-secret' })
  assert.equal(again.sid, machine.sid)
  assert.deepEqual(
    (await machineList(db)).map(({ name }) => name),
    ['bdc$', 'ws1$'],
  )
  const person = await aUser(db)
  assert.notEqual(person.uidNumber, machine.uidNumber)
  await removeMachine(db, me, 'Ws1$')
  await assert.rejects(machineByName(db, 'ws1'), /no computer/)
  assert.equal(await hashOf(db, db.reader, machine.id), undefined)
  await assert.rejects(addMachine(db, me, { name: 'no spaces here' }), /Computer name must have/)
})
