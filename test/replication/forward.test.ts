import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { invitationHash, invitationSecret, inviteUser, removeInvitation } from '../../server/accounts/invitations.ts'
import { setPassword, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { Unavailable } from '../../server/errors.ts'
import { createForwards } from '../../server/pull/forward.ts'
import { askMaster, connectionToMaster, readJson } from '../../server/replication/connection.ts'
import { createForwarder } from '../../server/replication/forward.ts'
import type { ForwardAnswer } from '../../server/replication/wire.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import type { DeviceBody } from '../../server/store/bodies.ts'
import { type Client, connectTo, message } from '../ldap/client.ts'
import { addRequest, modify, modifyRequest, passwordRequest, removeRequest } from '../ldap/writable.ts'
import { caughtUp, startMaster, startSlave, type TestNode } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'

const people = 'ou=Users,ou=Accounts,dc=example,dc=lan'
const groups = 'ou=Groups,ou=Accounts,dc=example,dc=lan'
const anna = `uid=anna,${people}`

let master: TestNode
let slave: TestNode
const open: Client[] = []

before(async () => {
  master = await startMaster()
  await addGroup(master.db, me, { name: 'sales', description: 'Sales' })
  await aUser(master.db, { username: 'anna', first: 'Anna', password, mustChange: false })
  slave = await startSlave(master)
})
after(async () => {
  for (const client of open) client.end()
  await slave.close()
  await master.close()
})

async function at(node: TestNode, dn: string, secret: string): Promise<Client> {
  const client = connectTo(node.ports().ldap as number)
  open.push(client)
  assert.equal(await client.bind(dn, secret), 0)
  return client
}

test('an administrator changes accounts at a slave, and finds them changed there at once', async () => {
  const admin = await at(slave, `uid=admin,${people}`, password)
  const changed = await modify(admin, anna, ['replace', 'givenName', 'Anneli'])
  assert.equal(changed.code, 0, changed.message)
  const { entries } = await admin.search({ base: anna, scope: 'base', attributes: ['givenName'] })
  assert.deepEqual(entries[0]?.attributes.givenName, ['Anneli'])
  assert.equal((await userByUsername(master.db, 'anna')).first, 'Anneli')
  const added = await admin.request(
    addRequest(`uid=birgit,${people}`, {
      objectClass: 'inetOrgPerson',
      givenName: 'Birgit',
      sn: 'Ek',
      cn: 'Birgit Ek',
    }),
  )
  assert.equal(added.code, 0, added.message)
  assert.equal((await modify(admin, `cn=sales,${groups}`, ['add', 'memberUid', 'birgit'])).code, 0)
  const again = await modify(admin, `cn=sales,${groups}`, ['add', 'memberUid', 'birgit'])
  assert.equal(again.code, 20)
  assert.equal((await admin.request(removeRequest(`uid=birgit,${people}`))).code, 0)
  assert.equal((await admin.search({ base: `uid=birgit,${people}`, scope: 'base' })).code, 32)
})

test('the audit of the master says who did it, and at which node', async () => {
  const { rows } = await auditPage(master.db, { size: 20 })
  const row = rows.find(({ sentence }) => sentence === 'Added Birgit Ek')
  assert.equal(row?.actor, 'admin')
  assert.match(row?.address ?? '', /127\.0\.0\.1 at gw-malmo/)
})

test('people change their own password at a slave, and sign in with it at both', async () => {
  const self = await at(slave, anna, password)
  const changed = await self.request(passwordRequest({ old: password, new: 'four-quiet-wooden-boats' }))
  assert.equal(changed.code, 0, changed.message)
  await at(slave, anna, 'four-quiet-wooden-boats')
  await at(master, anna, 'four-quiet-wooden-boats')
  const refused = connectTo(slave.ports().ldap as number)
  open.push(refused)
  assert.equal(await refused.bind(anna, password), 49)
})

test('who has no right to it is refused at a slave as at the master', async () => {
  const self = await at(slave, anna, 'four-quiet-wooden-boats')
  // As if there were nobody else.
  assert.equal((await modify(self, `uid=admin,${people}`, ['replace', 'givenName', 'Nobody'])).code, 32)
  const { dn, password: secret } = await addClient(master.db, me, { name: 'reader', role: 'read' })
  await caughtUp(slave, master)
  const reader = await at(slave, dn, secret)
  assert.equal((await modify(reader, anna, ['replace', 'givenName', 'Nobody'])).code, 50)
  const anonymous = connectTo(slave.ports().ldap as number)
  open.push(anonymous)
  assert.equal((await modify(anonymous, anna, ['replace', 'givenName', 'Nobody'])).code, 8)
})

test('a bind whose password is not the one any more changes nothing', async () => {
  const self = await at(slave, anna, 'four-quiet-wooden-boats')
  const { id } = await userByUsername(master.db, 'anna')
  await setPassword(master.db, me, id, 'another-long-evening-walk', { mustChange: false })
  await caughtUp(slave, master)
  const answer = await self.request(passwordRequest({ new: 'nobody-should-get-this-1' }))
  assert.equal(answer.code, 50, answer.message)
  await at(master, anna, 'another-long-evening-walk')
})

test('what Samba writes at a slave the master has done when it is answered', async () => {
  await setUpDomain(master.db, me, { name: 'EXAMPLE' })
  const { dn, password: secret } = await addClient(master.db, me, { name: 'samba', role: 'samba' })
  await caughtUp(slave, master)
  const samba = await at(slave, dn, secret)
  const domain = 'sambaDomainName=EXAMPLE,dc=example,dc=lan'
  const { entries } = await samba.search({ base: domain, scope: 'base', attributes: ['sambaNextRid'] })
  const rid = Number(entries[0]?.attributes.sambaNextRid?.[0])
  const taken = await modify(samba, domain, ['delete', 'sambaNextRid', `${rid}`], ['add', 'sambaNextRid', `${rid + 1}`])
  assert.equal(taken.code, 0, taken.message)
  const stale = await modify(samba, domain, ['delete', 'sambaNextRid', `${rid}`], ['add', 'sambaNextRid', `${rid + 1}`])
  assert.equal(stale.code, 16)
  const now = await samba.search({ base: domain, scope: 'base', attributes: ['sambaNextRid'] })
  assert.deepEqual(now.entries[0]?.attributes.sambaNextRid, [`${rid + 1}`])
})

test('one request is done once, however often a slave sends it', async () => {
  const { id: admin } = await userByUsername(master.db, 'admin')
  const connection = connectionToMaster(slave.db)
  const request = {
    id: randomUUID(),
    as: { person: admin, password },
    address: '127.0.0.1',
    ldap: message(7, modifyRequest(`cn=sales,${groups}`, [['add', 'memberUid', 'anna']])).toString('base64'),
  }
  const ask = async (id = request.id): Promise<ForwardAnswer> => {
    return readJson(await askMaster(connection, '/v1/forward', { method: 'POST', json: { ...request, id } }))
  }
  const [first, second] = await Promise.all([ask(), ask()])
  assert.equal(first.ldap?.code, 0, first.ldap?.message)
  assert.deepEqual(second, first)
  assert.equal((await ask()).ldap?.code, 0)
  assert.equal((await ask(randomUUID())).ldap?.code, 20)
  await connection.agent.close()
})

test('a master that was started again meanwhile does not do it twice', async () => {
  const { id: admin } = await userByUsername(master.db, 'admin')
  const { id } = await userByUsername(master.db, 'anna')
  const secret = invitationSecret(id)
  const device = { deviceId: slave.db.local.deviceId, name: 'gw-malmo' } as DeviceBody
  const noLdap = () => Promise.reject(new Error('not asked'))
  const made = { do: 'invite', user: id, tokenHash: invitationHash(secret) }
  const used = { do: 'first-password', password: 'six-wooden-boats' }
  const before = master.db.position.seq
  for (const request of [
    { id: randomUUID(), as: { person: admin, password }, address: '127.0.0.1', act: made },
    { id: randomUUID(), as: { link: secret }, address: '127.0.0.1', act: used },
  ])
    for (let starts = 0; starts < 2; starts++) await createForwards(master.db, noLdap)(device, request)
  assert.equal(master.db.position.seq, before + 2)
  await setPassword(master.db, me, id, 'yet-another-evening-walk', { mustChange: false })
  await setPassword(master.db, me, id, 'another-long-evening-walk', { mustChange: false })
})

test('a link is an authority for its first password, and for nothing else', async () => {
  const { id } = await userByUsername(master.db, 'anna')
  const { secret } = await inviteUser(master.db, me, id)
  const connection = connectionToMaster(slave.db)
  const ask = (request: object) =>
    askMaster(connection, '/v1/forward', {
      method: 'POST',
      json: { id: randomUUID(), as: { link: secret }, address: '127.0.0.1', ...request },
    })
  const ldap = message(7, modifyRequest(anna, [['replace', 'givenName', 'Nobody']])).toString('base64')
  await assert.rejects(ask({ ldap }), /sets a password, and does nothing else/)
  await assert.rejects(ask({ act: { do: 'own-password', password: 'six-wooden-boats' } }), /does nothing else/)
  await assert.rejects(ask({ act: { do: 'status', user: id, status: 'locked' } }), /does nothing else/)
  const act = { do: 'first-password', password: 'six-wooden-boats' }
  await assert.rejects(
    ask({ act, as: { person: id, password: 'another-long-evening-walk' } }),
    /takes a first-password link/,
  )
  const wrong = `${secret.slice(0, -4)}AAAA`
  await assert.rejects(ask({ act, as: { link: wrong } }), /used already/)
  await removeInvitation(master.db, me, id)
  await connection.agent.close()
})

test('a master that does not know an act says so, and the slave that its version is too old', async () => {
  const { id: admin } = await userByUsername(master.db, 'admin')
  const forwarder = createForwarder(slave.db)
  const send = (act: object) =>
    forwarder.send({ as: { person: admin, password }, address: '127.0.0.1', act: act as never })
  await assert.rejects(send({ do: 'from-tomorrow', colour: 'green' }), tooOld)
  await assert.rejects(send({ do: 'own-password', password, colour: 'green' }), tooOld)
  await assert.rejects(send({ do: 'own-password' }), /The request is not complete/)
  await forwarder.close()
})

function tooOld(error: Error): boolean {
  assert.ok(error instanceof Unavailable)
  assert.match(error.message, /^Not changed: the version of master\.example\.lan is too old for this/)
  return true
}

test('a slave asks for nothing that changes no account, and for nobody it does not know', async () => {
  const { id: admin } = await userByUsername(master.db, 'admin')
  const connection = connectionToMaster(slave.db)
  const ask = (as: object, ldap: Buffer) =>
    askMaster(connection, '/v1/forward', {
      method: 'POST',
      json: { id: randomUUID(), as, address: '127.0.0.1', ldap: ldap.toString('base64') },
    })
  const change = message(7, modifyRequest(anna, [['replace', 'givenName', 'Nobody']]))
  await assert.rejects(ask({ person: admin, password: 'not-the-password' }, change), /do not match/)
  await assert.rejects(ask({ client: randomUUID() }, change), /no such LDAP client/)
  const answer = await ask({ person: admin, password }, message(7, Buffer.from('4200', 'hex')))
  assert.notEqual((await readJson<ForwardAnswer>(answer)).ldap?.code, 0)
  await connection.agent.close()
})

test('with the master away a change at a slave is refused at once, and sign-ins go on', async () => {
  const self = await at(slave, anna, 'another-long-evening-walk')
  const admin = await at(slave, `uid=admin,${people}`, password)
  await master.stop()
  for (let tries = 0; tries < 3; tries++) {
    const answer = await modify(admin, anna, ['replace', 'givenName', 'Nobody'])
    assert.equal(answer.code, 52, answer.message)
  }
  assert.equal((await self.request(passwordRequest({ new: 'five-more-wooden-boats' }))).code, 52)
  await at(slave, anna, 'another-long-evening-walk')
})
