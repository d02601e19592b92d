import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { addClient } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { askMaster, connectionToMaster, readJson } from '../../server/replication/connection.ts'
import { setScope } from '../../server/replication/devices.ts'
import { type SecretsHere, secretsHere } from '../../server/replication/samba.ts'
import type { ForwardAnswer } from '../../server/replication/wire.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { connectTo, controls, message } from '../ldap/client.ts'
import { reading } from '../ldap/controls.ts'
import { modifyRequest } from '../ldap/writable.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'

const anna = 'uid=anna,ou=Users,ou=Accounts,dc=example,dc=lan'

describe('the Samba of a device is no way to hashes that do not travel there', () => {
  let master: TestNode
  let malmo: TestNode
  let lund: TestNode
  let secrets: SecretsHere
  before(async () => {
    master = await startMaster()
    await setUpDomain(master.db, me, { name: 'EXAMPLE' })
    await addGroup(master.db, me, { name: 'malmo', description: 'Malmö' })
    await aUser(master.db, { username: 'anna', password, extensions: { samba: { account: 'yes' } } })
    await addClient(master.db, me, { name: 'nas', role: 'samba' })
    malmo = await startSlave(master, 'gw-malmo')
    lund = await startSlave(master, 'gw-lund')
    secrets = await secretsHere(malmo.db, me, 'gw-malmo')
    await setScope(master.db, me, malmo.db.local.deviceId, { groups: ['malmo'] })
    await until(() => [malmo, lund].every(({ db }) => db.position.seq === master.db.position.seq))
  })
  after(async () => {
    await malmo?.close()
    await lund?.close()
    await master?.close()
  })

  const clientId = async (name: string) =>
    (await objectsOf(master.db.reader, 'client')).find(({ body }) => body.name === name)?.id ?? ''

  /** What the master answers when this node has it change Anna’s account in the name of a client, and read it. */
  async function forward(node: TestNode, client: string, ...read: string[]) {
    const connection = connectionToMaster(node.db)
    const change = modifyRequest(anna, [['replace', 'sambaLogonTime', `${Date.now()}`]])
    const ldap = message(7, change, controls(reading('preRead', ...read), reading('postRead', ...read)))
    const json = { id: randomUUID(), as: { client }, address: '127.0.0.1', ldap: ldap.toString('base64') }
    try {
      return await readJson<ForwardAnswer>(await askMaster(connection, '/v1/forward', { method: 'POST', json }))
    } finally {
      await connection.agent.destroy()
    }
  }

  test('it binds at that device, and at no other node', async () => {
    const codes = await Promise.all(
      [malmo, lund, master].map(async (node) => {
        const client = connectTo(node.ports().ldap as number)
        const code = await client.bind(secrets.dn, secrets.password)
        const names = await client.bind(secrets.names.dn, secrets.names.password)
        client.end()
        return [code, names]
      }),
    )
    assert.deepEqual(codes, [
      [0, 0],
      [49, 49],
      [49, 49],
    ])
  })

  test('what the master tells of a change that it makes for Samba at a slave holds no hash', async () => {
    const { ldap } = await forward(malmo, await clientId('samba-gw-malmo'), 'uid', 'sambaNTPassword')
    assert.equal(ldap?.code, 0, ldap?.message)
    const told = Buffer.concat((ldap?.controls ?? []).map((control) => Buffer.from(control, 'base64'))).toString(
      'latin1',
    )
    assert.match(told, /uid.*anna/s)
    assert.doesNotMatch(told, /sambaNTPassword/)
  })

  test('no device speaks for the Samba of another', async () => {
    const client = await clientId('samba-gw-malmo')
    await assert.rejects(forward(lund, client), /belongs to the Samba of another node/)
  })

  test('where no NT hash travels there is no Samba: it gets no secrets for one, and changes nothing in its name', async () => {
    await setScope(master.db, me, lund.db.local.deviceId, { ntHashes: false })
    await assert.rejects(secretsHere(lund.db, me, 'gw-lund'), /No NT hash travels to gw-lund/)
    const nas = await clientId('nas')
    await assert.rejects(forward(lund, nas), /No NT hash travels to gw-lund/)
    await setScope(master.db, me, lund.db.local.deviceId, {})
    assert.equal((await forward(lund, nas)).ldap?.code, 0)
  })
})
