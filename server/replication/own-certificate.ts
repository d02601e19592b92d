import { daysLeft, keepOwn, ownNames, readOwn, renewDays } from '../mode/certificates.ts'
import type { Db } from '../store/db.ts'
import { askMaster, type Connection, readJson } from './connection.ts'

/** Before its end, the slave's certificate is made anew by the master. */
export async function renewCertificate(db: Db, connection: Connection): Promise<void> {
  const own = readOwnOnceADay(db)
  if (!own || daysLeft(own) > renewDays) return
  const { makeRequest } = await import('../mode/ca.ts')
  const { key, request } = await makeRequest(db.local.name)
  const json = { request, names: ownNames(db.local.name) }
  const { certificate } = await readJson<{ certificate: string }>(
    await askMaster(connection, '/v1/certificate', { method: 'POST', json }),
  )
  keepOwn(db.dir, { key, certificate })
  await Promise.all([...db.localListeners].map((listener) => listener()))
}

const dayMs = 86_400_000
const looked = new WeakMap<Db, number>()

function readOwnOnceADay(db: Db): string | undefined {
  const now = performance.now()
  if (now - (looked.get(db) ?? Number.NEGATIVE_INFINITY) < dayMs) return undefined
  looked.set(db, now)
  return readOwn(db.dir)?.certificate
}
