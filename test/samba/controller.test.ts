import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { clientList } from '../../server/accounts/clients.ts'
import { verifyPassword } from '../../server/accounts/passwords.ts'
import { revokeDevice } from '../../server/replication/devices.ts'
import { addMachineNameHere, keepReportHere, secretsHere } from '../../server/replication/samba.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { machineByName, machineList } from '../../server/samba/machines.ts'
import { reportsOf, type SambaReport } from '../../server/samba/reports.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { caughtUp, startMaster, startSlave, type TestNode } from '../support/node.ts'
import { me } from '../support/people.ts'

let master: TestNode
let slave: TestNode

before(async () => {
  master = await startMaster()
  slave = await startSlave(master)
})
after(async () => {
  await slave.close()
  await master.close()
})

const names = async (node: TestNode) => (await clientList(node.db)).map(({ name, role }) => `${name} ${role}`)
const computers = async (node: TestNode) => (await machineList(node.db)).map(({ name }) => name)
const opens = async (name: string, password: string) => {
  const client = (await objectsOf(master.db.reader, 'client')).find(({ body }) => body.name === name)
  return verifyPassword(client?.body.password, password)
}

test('before there is a domain, a slave is told so', async () => {
  await assert.rejects(secretsHere(slave.db, me, 'GW-LUND'), /Windows Networking is not set up yet/)
})

test('by its enrolment a slave gets secrets of its own: Samba’s, one that sees no hash, and the computer’s', async () => {
  await setUpDomain(master.db, me, { name: 'EXAMPLE' })
  await caughtUp(slave, master)
  const secrets = await secretsHere(slave.db, me, 'gw-lund')
  assert.equal(secrets.dn, 'cn=samba-gw-lund,ou=Internal,dc=example,dc=lan')
  assert.equal(secrets.names.dn, 'cn=names-gw-lund,ou=Internal,dc=example,dc=lan')
  assert.deepEqual(await names(slave), ['names-gw-lund read', 'samba-gw-lund samba'])
  assert.equal((await machineByName(slave.db, 'GW-LUND')).kind, 'server')
  assert.ok(await opens('samba-gw-lund', secrets.password))
  assert.ok(await opens('names-gw-lund', secrets.names.password))
})

test('asked again, the old secrets are refused, and the computer keeps its SID', async () => {
  const [first, { sid }] = [await secretsHere(slave.db, me, 'GW-LUND'), await machineByName(master.db, 'gw-lund')]
  const second = await secretsHere(slave.db, me, 'GW-LUND')
  assert.ok(await opens('samba-gw-lund', second.password))
  assert.equal(await opens('samba-gw-lund', first.password), false)
  assert.equal((await machineByName(master.db, 'gw-lund')).sid, sid)
})

test('no node takes the name of another, and a node by another name leaves the first', async () => {
  await secretsHere(master.db, me, 'PDC')
  await assert.rejects(secretsHere(slave.db, me, 'PDC'), /A computer named PDC is in the domain already/)
  await assert.rejects(secretsHere(slave.db, me, 'EXAMPLE'), /cannot both be called EXAMPLE/)
  await secretsHere(slave.db, me, 'FS-LUND')
  assert.deepEqual(await computers(master), ['fs-lund$', 'pdc$'])
  assert.ok(!(await names(master)).some((name) => name.includes('gw-lund')))
})

test('a computer that is about to join at a slave gets its name from the master, once', async () => {
  await addMachineNameHere(slave.db, me, 'WS-7$')
  await addMachineNameHere(slave.db, me, 'ws-7$')
  const { sid, uidNumber } = await machineByName(slave.db, 'ws-7')
  assert.equal(sid, undefined)
  assert.ok(uidNumber >= 2000)
})

test('how Samba was found at a slave is known at the master', async () => {
  const report: SambaReport = {
    at: new Date().toISOString(),
    kind: 'bdc',
    server: 'FS-LUND',
    version: '4.17.12',
    findings: [{ what: 'Trust', state: 'good', says: 'They trust each other.' }],
  }
  await keepReportHere(slave.db, report)
  assert.deepEqual(reportsOf(slave.db).get(slave.db.local.deviceId), report)
  assert.deepEqual(reportsOf(master.db).get(slave.db.local.deviceId), report)
})

test('a device that is revoked has nothing in the domain any more', async () => {
  await revokeDevice(master.db, me, slave.db.local.deviceId)
  assert.deepEqual(await computers(master), ['pdc$', 'ws-7$'])
  assert.deepEqual(await names(master), ['names-pdc read', 'samba-pdc samba'])
  await assert.rejects(secretsHere(slave.db, me, 'FS-LUND'), /revoked|not known/)
})
