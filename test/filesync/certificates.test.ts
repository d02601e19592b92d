import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, mock, test } from 'node:test'
import { connect } from 'node:tls'
import { blobPath } from '../../server/filesync/blobs.ts'
import { issueCertificates } from '../../server/filesync/certificates.ts'
import { sealFor, sealingKey, unsealHere } from '../../server/filesync/seal.ts'
import { addFileSet, changeFileSet } from '../../server/filesync/sets.ts'
import { readCa } from '../../server/mode/certificates.ts'
import { revokeDevice } from '../../server/replication/devices.ts'
import { deviceStatuses } from '../../server/replication/status.ts'
import { filesOf } from '../../server/store/files-kept.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

describe('certificates of services', () => {
  let master: TestNode
  let slave: TestNode
  let other: TestNode
  let setId: string
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master, 'gw-malmo')
    other = await startSlave(master, 'gw-lund')
    setId = (
      await addFileSet(master.db, me, { name: 'certificates', kind: 'certificates', services: ['ldap', 'imap'] })
    ).id
  })
  after(async () => {
    await other?.close()
    await slave?.close()
    await master?.close()
  })

  const dirOf = (node: TestNode) => join(node.dir, 'certificates')
  const has = (node: TestNode, file: string) => existsSync(join(dirOf(node), file))
  const serialOf = (node: TestNode, service: string) =>
    new X509Certificate(readFileSync(join(dirOf(node), `${service}.pem`))).serialNumber
  /** The serial number of what LDAPS shows, to a client that trusts the CA only. */
  const shownBy = (node: TestNode, servername: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: node.ldapsPort, ca: readCa(master.dir), servername }, () => {
        resolve(socket.getPeerCertificate().serialNumber)
        socket.end()
      })
      socket.once('error', reject)
    })

  test('every node gets its own, with the CA, and its key only', async () => {
    for (const node of [master, slave, other])
      await until(
        () => ['ca.pem', 'ldap.pem', 'ldap.key', 'imap.pem', 'imap.key'].every((file) => has(node, file)),
        15_000,
      )
    const keys = [master, slave, other].map((node) => readFileSync(join(dirOf(node), 'imap.key'), 'utf8'))
    assert.equal(new Set(keys).size, 3)
    const ca = new X509Certificate(readCa(master.dir) ?? '')
    for (const node of [master, slave, other]) {
      assert.deepEqual(readdirSync(dirOf(node)).length, 5)
      assert.equal(statSync(join(dirOf(node), 'imap.key')).mode & 0o777, 0o600)
      const certificate = new X509Certificate(readFileSync(join(dirOf(node), 'imap.pem')))
      assert.ok(certificate.checkIssued(ca) && certificate.verify(ca.publicKey))
      assert.ok(certificate.checkHost(node.db.local.name))
    }
  })

  test('a key is read by nobody but its node, neither from the blobs nor from the store', async () => {
    const key = readFileSync(join(dirOf(slave), 'imap.key'), 'utf8')
    const secret = key.split('\n')[1] ?? ''
    assert.ok(secret.length > 20)
    for (const file of await filesOf(master.db.reader, setId))
      assert.ok(!readFileSync(blobPath(master.dir, file.sha256), 'latin1').includes(secret))
    for (const node of [master, slave, other])
      assert.ok(!JSON.stringify(await node.db.reader('objects')).includes(secret))
    const sealed = (await filesOf(master.db.reader, setId)).find(
      (file) => file.path === 'imap.key' && file.for === slave.db.local.deviceId,
    )
    const blob = readFileSync(blobPath(master.dir, sealed?.sha256 ?? ''))
    assert.equal(unsealHere(slave.dir, blob).toString(), key)
    for (const node of [master, other]) assert.throws(() => unsealHere(node.dir, blob))
    blob[blob.length - 1] = (blob[blob.length - 1] as number) ^ 1
    assert.throws(() => unsealHere(slave.dir, blob))
  })

  test('what is sealed for another node is not even given out', async () => {
    const { openFileLine } = await import('../../server/filesync/line.ts')
    const line = openFileLine(other.db, () => 0)
    for (const file of await filesOf(master.db.reader, setId)) {
      const ask = () => line.source(file, 0, new AbortController().signal)
      if (file.for === undefined || file.for === other.db.local.deviceId) for await (const _ of await ask());
      else await assert.rejects(ask(), /There is no such file/)
    }
    line.close()
  })

  test('LDAPS has its own, and a renewed one without a restart', async () => {
    await until(async () => (await shownBy(slave, 'gw-malmo')) === serialOf(slave, 'ldap'))
    const before_ = serialOf(slave, 'ldap')
    const untouched = serialOf(other, 'ldap')
    assert.equal(await issueCertificates(master.db, me, 'gw-malmo'), 2)
    await until(() => serialOf(slave, 'ldap') !== before_)
    await until(async () => (await shownBy(slave, 'gw-malmo')) === serialOf(slave, 'ldap'))
    assert.equal(serialOf(other, 'ldap'), untouched)
    assert.equal(await shownBy(master, 'master.example.lan'), serialOf(master, 'ldap'))
  })

  test('the list of devices says which ends first, and warns before it does', async () => {
    const shown = async () =>
      (await deviceStatuses(master.db)).find(({ deviceId }) => deviceId === other.db.local.deviceId)
    assert.deepEqual((await shown())?.certificates.map(({ service }) => service).sort(), ['imap', 'ldap'])
    const at = Date.parse((await shown())?.certificates[0]?.until ?? '') - 5.5 * 86_400_000
    mock.timers.enable({ apis: ['Date'], now: at })
    try {
      const trouble = (await shown())?.trouble ?? []
      assert.ok(
        trouble.some(({ title }) => /^The certificate of its service (imap|ldap) ends in 5 days$/.test(title)),
        JSON.stringify(trouble),
      )
    } finally {
      mock.timers.reset()
    }
  })

  test('one that ends soon is made anew by itself', async () => {
    const { write } = await import('../../server/store/write.ts')
    const file = (await filesOf(master.db.reader, setId)).find(
      ({ path, for: of }) => path === 'imap.pem' && of === other.db.local.deviceId,
    )
    assert.ok(file)
    const { id, seq, ...body } = file
    const was = serialOf(other, 'imap')
    const soon = new Date(Date.now() + 10 * 86_400_000).toISOString()
    await write(master.db, me, (change) => change.put('file', id, { ...body, until: soon }))
    await until(() => serialOf(other, 'imap') !== was)
  })

  test('a service that is no longer named, and a device that is revoked, have none any more', async () => {
    await changeFileSet(master.db, me, setId, { services: ['ldap'] })
    await until(() => !has(slave, 'imap.key') && !has(slave, 'imap.pem') && has(slave, 'ldap.key'))
    await revokeDevice(master.db, me, other.db.local.deviceId)
    await until(async () =>
      (await filesOf(master.db.reader, setId)).every((file) => file.for !== other.db.local.deviceId),
    )
  })
})

test('what is sealed is of any length, and opens once for whom it is', () => {
  const [one, two] = [aFolder(), aFolder()]
  const key = sealingKey(one)
  for (const text of ['', 'short', 'x'.repeat(100_000)])
    assert.equal(unsealHere(one, sealFor(key, Buffer.from(text))).toString(), text)
  assert.throws(() => unsealHere(two, sealFor(key, Buffer.from('secret'))))
  assert.equal(sealingKey(one), key)
})
