import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { openRoot } from '../../server/filesync/folder.ts'
import { openFileLine } from '../../server/filesync/line.ts'
import { changeAllowed } from '../../server/filesync/places.ts'
import { putFile } from '../../server/filesync/put.ts'
import { ownStates } from '../../server/filesync/states.ts'
import { masterName, readCa } from '../../server/mode/certificates.ts'
import { readCredential } from '../../server/mode/credential.ts'
import { revokeDevice } from '../../server/replication/devices.ts'
import type { Db } from '../../server/store/db.ts'
import { filesOf } from '../../server/store/files-kept.ts'
import { aSet, dirOn, placeOn, put } from '../support/files.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { me } from '../support/people.ts'
import { openRelay } from '../support/relay.ts'

describe('transfers', () => {
  let master: TestNode
  let slave: TestNode
  let setId: string
  const big = randomBytes(3_000_000)
  before(async () => {
    master = await startMaster()
    slave = await startSlave(master)
    setId = (await aSet(master, 'big')).id
    writeFileSync(join(dirOn(master, 'big'), 'image'), big)
    await until(async () => (await filesOf(master.db.reader, setId)).length === 1)
    await until(() => slave.db.local.masterFilesPort !== undefined)
  })
  after(async () => {
    await slave?.close()
    await master?.close()
  })

  const through = (port: number): Db => ({ ...slave.db, local: { ...slave.db.local, masterFilesPort: port } })
  const image = async () => {
    const [file] = await filesOf(master.db.reader, setId)
    assert.ok(file)
    return file
  }

  test('one that is cut goes on where it was', async () => {
    const relay = await openRelay(master.ports().files as number)
    const dir = join(slave.dir, 'files', 'torn')
    mkdirSync(dir, { recursive: true })
    const root = await openRoot(dir)
    const line = openFileLine(through(relay.port), () => 0)
    let received = 0
    let tries = 0
    try {
      relay.cutAfter(1_000_000)
      for (; ; tries++) {
        const done = await putFile(root, await image(), {
          source: async (wanted, from, signal) => {
            const body = await line.source(wanted, from, signal)
            return (async function* () {
              for await (const chunk of body) {
                received += chunk.length
                yield chunk
              }
            })()
          },
          signal: new AbortController().signal,
        }).catch(() => undefined)
        if (done) break
        assert.deepEqual(
          readdirSync(dir).map((name) => name.startsWith('.account-sync.')),
          [true],
        )
      }
      assert.ok(tries >= 3, `${tries} tries`)
      assert.ok(readFileSync(join(dir, 'image')).equals(big))
      assert.ok(received <= big.length, `${received} bytes came`)
      assert.deepEqual(readdirSync(dir), ['image'])
    } finally {
      line.close()
      await root.close()
      await relay.close()
    }
  })

  test('one changed of many is one blob', async () => {
    await aSet(master, 'many')
    for (let n = 0; n < 300; n++) put(dirOn(master, 'many'), `d${n % 7}/f${n}`, `file ${n}`)
    await placeOn(slave, 'many')
    const last = join(dirOn(slave, 'many'), 'd5/f299')
    await until(() => existsSync(last), 20_000)
    await wait(300)
    const inodes = () =>
      readdirSync(join(dirOn(slave, 'many'), 'd5')).map((name) => statSync(join(dirOn(slave, 'many'), 'd5', name)).ino)
    const before_ = inodes()
    put(dirOn(master, 'many'), 'd5/f299', 'changed')
    await until(() => readFileSync(last, 'utf8') === 'changed')
    const changed = inodes().filter((inode, index) => inode !== before_[index])
    assert.equal(changed.length, 1)
  })

  test('a limit for a thin line is kept', async () => {
    await changeAllowed(slave.db, me, { kilobytesPerSecond: 2000 })
    await placeOn(slave, 'big')
    await until(() => {
      const state = ownStates(slave.db).get(setId)
      return state?.state === 'coming' && state.done > 0 && state.done < state.bytes
    })
    assert.ok(!existsSync(join(dirOn(slave, 'big'), 'image')))
    await until(() => existsSync(join(dirOn(slave, 'big'), 'image')), 20_000)
    await changeAllowed(slave.db, me, { kilobytesPerSecond: 0 })
  })

  const ask = (path: string, given: { credential?: string; range?: string } = {}) =>
    new Promise<{ status: number; length: number; range: string | undefined }>((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: master.ports().files,
          path,
          ca: readCa(slave.dir),
          servername: masterName(slave.db.position.clusterId),
          headers: {
            authorization: `Bearer ${given.credential ?? readCredential(slave.dir)}`,
            'sync-cluster': slave.db.position.clusterId,
            'sync-protocol': '1',
            ...(given.range && { range: given.range }),
          },
        },
        async (answer) => {
          let length = 0
          for await (const chunk of answer) length += chunk.length
          resolve({ status: answer.statusCode ?? 0, length, range: answer.headers['content-range'] })
        },
      )
      sent.on('error', reject)
      sent.end()
    })

  test('port 8155 gives a part from anywhere, and nothing to strangers', async () => {
    const path = `/v1/blobs/${(await image()).sha256}`
    assert.deepEqual(await ask(path, { range: 'bytes=2999990-' }), {
      status: 206,
      length: 10,
      range: 'bytes 2999990-2999999/3000000',
    })
    assert.equal((await ask(path, { range: 'bytes=3000000-' })).status, 416)
    assert.equal((await ask(path, { credential: `${slave.db.local.deviceId}.wrong` })).status, 401)
    for (const odd of ['/v1/blobs/..%2f..%2fca.key', '/v1/blobs/x', `/v1/blobs/${'0'.repeat(64)}`, '/'])
      assert.equal((await ask(odd)).status, 404)
  })

  test('a device that is revoked gets nothing more', async () => {
    const path = `/v1/blobs/${(await image()).sha256}`
    await revokeDevice(master.db, me, slave.db.local.deviceId)
    assert.equal((await ask(path)).status, 403)
  })
})
