import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, type FileHandle, mkdir, open, readdir, readFile, rename, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Db } from '../store/db.ts'
import { feedRows } from '../store/objects.ts'

// What files hold, on the master: immutable, named by its SHA-256, once however many files and versions have it.

const chunkBytes = 1024 * 1024

const folderOf = (dir: string, sha256: string): string => join(dir, 'blobs', sha256.slice(0, 2))
export const blobPath = (dir: string, sha256: string): string => join(folderOf(dir, sha256), sha256)

export const hasBlob = (dir: string, sha256: string): Promise<boolean> =>
  access(blobPath(dir, sha256)).then(
    () => true,
    () => false,
  )

export const readBlob = (dir: string, sha256: string): Promise<Buffer> => readFile(blobPath(dir, sha256))

/** Something that is read now may not be collected the next moment. */
const touch = async (path: string): Promise<void> => utimes(path, new Date(), new Date())

/** Keeps what a file holds, as one read of it finds it. */
export async function keepBlobOf(
  dir: string,
  file: FileHandle,
  maxBytes: number,
): Promise<{ sha256: string; size: number }> {
  return keep(dir, maxBytes, async function* () {
    // One byte more than it has: whether it has grown is seen at the end. Ten thousand small files take no large buffer each.
    const length = Math.min(chunkBytes, (await file.stat()).size + 1)
    const buffer = Buffer.allocUnsafe(length)
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, length, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  })
}

export const keepBlob = (dir: string, bytes: Buffer): Promise<{ sha256: string; size: number }> =>
  keep(dir, bytes.length, async function* () {
    yield bytes
  })

async function keep(
  dir: string,
  maxBytes: number,
  read: () => AsyncGenerator<Buffer>,
): Promise<{ sha256: string; size: number }> {
  await mkdir(join(dir, 'blobs'), { recursive: true, mode: 0o700 })
  const temporary = join(dir, 'blobs', `.new-${randomBytes(8).toString('hex')}`)
  const out = await open(temporary, 'wx', 0o600)
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of read()) {
      size += chunk.length
      if (size > maxBytes) throw new Error('it is larger than files may be here')
      hash.update(chunk)
      await out.write(chunk)
    }
    const sha256 = hash.digest('hex')
    if (await hasBlob(dir, sha256)) {
      await touch(blobPath(dir, sha256))
      await unlink(temporary)
      return { sha256, size }
    }
    await out.sync()
    await mkdir(folderOf(dir, sha256), { recursive: true, mode: 0o700 })
    await rename(temporary, blobPath(dir, sha256))
    return { sha256, size }
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  } finally {
    await out.close()
  }
}

/** Their names survive a power cut from now on; asked for before any object names them. */
export async function syncBlobs(dir: string, hashes: Iterable<string>): Promise<void> {
  for (const folder of new Set(Array.from(hashes, (sha256) => folderOf(dir, sha256)))) {
    const held = await open(folder, 'r')
    await held.sync().finally(() => held.close())
  }
}

/** Reads a blob from `from` on. */
export const blobFrom = (dir: string, sha256: string, from: number): AsyncIterable<Buffer> =>
  createReadStream(blobPath(dir, sha256), { start: from, highWaterMark: chunkBytes })

/** A blob that no file and no version of one needs may still come back by an undo, for so long. */
const keptMs = 30 * 86_400_000

/** Removes what nothing has needed for a month. */
export async function collectBlobs(db: Db, now = Date.now()): Promise<number> {
  const needed = new Set<string>()
  const trx = await db.reader.transaction()
  try {
    for await (const rows of feedRows(trx, 0))
      for (const { kind, body } of rows) {
        if (kind !== 'file' || body === undefined) continue
        const { sha256, earlier } = JSON.parse(body)
        for (const one of [sha256, ...earlier.map((version: { sha256: string }) => version.sha256)]) needed.add(one)
      }
  } finally {
    await trx.rollback()
  }
  let removed = 0
  for (const part of await readdir(join(db.dir, 'blobs')).catch(() => [])) {
    const names = part.startsWith('.new-') ? [''] : await readdir(join(db.dir, 'blobs', part)).catch(() => [])
    for (const name of names) {
      if (needed.has(name)) continue
      const path = join(db.dir, 'blobs', part, name)
      const last = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => now,
      )
      if (now - last < keptMs) continue
      await unlink(path).catch(() => {})
      removed++
    }
  }
  return removed
}
