import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { issueCertificates } from '../../server/filesync/certificates.ts'
import { addFileSet, changeFileSet } from '../../server/filesync/sets.ts'
import { filesOf } from '../../server/store/files-kept.ts'
import { placeOn, problemOf } from '../support/files.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'

// ACCOUNT_SYNC_RENEWALS=200 is the long form.
const renewals = Number(process.env.ACCOUNT_SYNC_RENEWALS ?? 50)

describe('a certificate and its key change at once', () => {
  let master: TestNode
  let slave: TestNode
  let setId: string
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    setId = (await addFileSet(master.db, me, { name: 'certificates', kind: 'certificates', services: ['imap'] })).id
    await until(() => existsSync(join(own(), 'imap.key')) && existsSync(join(own(), 'imap.pem')), 15_000)
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  const own = () => join(slave.dir, 'certificates')
  const elsewhere = () => join(slave.dir, 'files', 'for-imap')
  const serialIn = (dir: string) => new X509Certificate(readFileSync(join(dir, 'imap.pem'))).serialNumber
  const wantedSerial = async () => {
    const { blobPath } = await import('../../server/filesync/blobs.ts')
    const file = (await filesOf(master.db.reader, setId)).find(
      ({ path, for: of }) => path === 'imap.pem' && of === slave.db.local.deviceId,
    )
    return new X509Certificate(readFileSync(blobPath(master.dir, file?.sha256 ?? ''))).serialNumber
  }
  const isUpToDate = async () => {
    const serial = await wantedSerial()
    return [own(), elsewhere()].every((dir) => serialIn(dir) === serial)
  }

  test(`who opens the directory and reads both never has a pair that does not fit, over ${renewals} renewals`, async () => {
    await placeOn(slave, 'certificates', undefined, elsewhere())
    await until(() => existsSync(join(elsewhere(), 'imap.key')))
    const reader = fork(
      fileURLToPath(new URL('../support/read-pairs.ts', import.meta.url)),
      ['imap', own(), elsewhere()],
      { execArgv: ['--import', 'tsx'] },
    )
    await once(reader, 'message')
    for (let n = 0; n < renewals; n++) {
      assert.equal(await issueCertificates(master.db, me, 'gw-malmo'), 1)
      await until(isUpToDate, 20_000)
    }
    const answered = once(reader, 'message')
    reader.send('end')
    const [found] = (await answered) as [{ serials: string[]; misfits: string[] }]
    assert.deepEqual(found.misfits, [])
    assert.ok(found.serials.length > renewals / 2, `${found.serials.length} of ${renewals} were read`)
  })

  test('what is edited there is put right, sealed or not, and what others put there stays', async () => {
    assert.ok(lstatSync(elsewhere()).isSymbolicLink())
    writeFileSync(join(elsewhere(), 'dhparam.pem'), 'of the administrator')
    const key = readFileSync(join(elsewhere(), 'imap.key'), 'utf8')
    writeFileSync(join(elsewhere(), 'imap.key'), 'no key')
    rmSync(join(elsewhere(), 'ca.pem'))
    await placeOn(slave, 'certificates', 'restore', elsewhere())
    await until(() => existsSync(join(elsewhere(), 'ca.pem')))
    assert.equal(readFileSync(join(elsewhere(), 'imap.key'), 'utf8'), key)
    assert.equal(lstatSync(join(elsewhere(), 'imap.key')).mode & 0o777, 0o600)
    await issueCertificates(master.db, me, 'gw-malmo')
    await until(isUpToDate)
    assert.equal(readFileSync(join(elsewhere(), 'dhparam.pem'), 'utf8'), 'of the administrator')
  })

  test('a key that was only touched is no edit', async () => {
    await placeOn(slave, 'certificates', 'report', elsewhere())
    const path = join(elsewhere(), 'imap.key')
    writeFileSync(path, readFileSync(path))
    await placeOn(slave, 'certificates', 'report', elsewhere())
    await issueCertificates(master.db, me, 'gw-malmo')
    await until(isUpToDate)
    assert.equal(problemOf(slave, setId), undefined)
    writeFileSync(path, 'no key')
    await placeOn(slave, 'certificates', 'report', elsewhere())
    await until(() => /“imap\.key” was changed on this node and is left so/.test(problemOf(slave, setId) ?? ''))
    await placeOn(slave, 'certificates', 'restore', elsewhere())
    await until(() => problemOf(slave, setId) === undefined)
  })

  test('of the pairs before nothing stays', async () => {
    await changeFileSet(master.db, me, setId, { services: ['imap', 'smtp'] })
    await until(() => existsSync(join(own(), 'smtp.key')) && existsSync(join(elsewhere(), 'smtp.key')))
    const versions = () => readdirSync(slave.dir).filter((name) => name.startsWith('.certificates.'))
    await until(
      async () => {
        await placeOn(slave, 'certificates', undefined, elsewhere())
        return versions().length === 1
      },
      25_000,
      () => versions().join(),
    )
  })
})
