import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { type Folder, inFolderOf, type Marks, marksOf, moveInto, openFile } from './folder.ts'
import { maskedMode, ownPrefix } from './names.ts'
import type { Wanted } from './plan.ts'

/** Gives the bytes of a blob from an offset on; throws when it cannot. */
export type Source = (wanted: Wanted, from: number, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>

export type Putting = {
  source: Source
  signal: AbortSignal
  /** Told of every part that has come. */
  onBytes?: (bytes: number) => void
  /** Opens what is sealed for this node. */
  unseal?: (sealed: Buffer) => Buffer
}

export type Put = Marks & { content: string }

/** What came is not what was announced. */
export class WrongContent extends Error {}

const writeBytes = 1024 * 1024
/** So much may wait in memory of the kernel: at the end little is left to be synced. */
const syncEveryBytes = 64 * 1024 * 1024
const sealedBytes = 256 * 1024

/** The name under which a transfer is written beside its destination, so that the next try goes on from there. */
export const partName = ({ path, sha256 }: Pick<Wanted, 'path' | 'sha256'>): string =>
  `${ownPrefix}${createHash('sha256').update(path).digest('hex').slice(0, 12)}${sha256.slice(0, 32)}.part`

/** Makes a file what it shall be: written beside its place, verified, synced, and only then moved there. */
export async function putFile(root: Folder, wanted: Wanted, putting: Putting): Promise<Put> {
  return inFolderOf(root, wanted.path, true, async (folder, name) => {
    const part = folder.at(partName(wanted))
    const { O_CREAT, O_RDWR, O_NOFOLLOW } = constants
    const file = await open(part, O_CREAT | O_RDWR | O_NOFOLLOW, 0o600)
    try {
      const content = wanted.sealed ? await fillSealed(file, wanted, putting) : await fill(file, wanted, putting)
      await file.chmod(maskedMode(wanted.mode))
      await file.sync()
      const marks = marksOf(await file.stat({ bigint: true }))
      await moveInto(folder, partName(wanted), name)
      return { ...marks, content }
    } catch (error) {
      // What is whole and wrong is of no use to the next try.
      if (error instanceof WrongContent) await unlink(part).catch(() => {})
      throw error
    } finally {
      await file.close()
    }
  })
}

async function fill(file: FileHandle, wanted: Wanted, { source, signal, onBytes }: Putting): Promise<string> {
  const hash = createHash('sha256')
  const at = await takeUp(file, wanted.size, hash)
  onBytes?.(at)
  if (at === wanted.size) return verified(hash, wanted)
  const writer = createWriter(file, hash, at, wanted.size)
  const body = await source(wanted, at, signal)
  try {
    for await (const chunk of body) {
      if (writer.taken() + chunk.length > wanted.size)
        throw new WrongContent(`“${wanted.path}” is longer than the ${wanted.size} bytes that were announced`)
      await writer.take(chunk)
      onBytes?.(chunk.length)
    }
  } finally {
    // Also of a line that broke off: the next try begins behind it.
    await writer.end()
  }
  if (writer.taken() !== wanted.size) throw new Error(`“${wanted.path}” came in part only`)
  return verified(hash, wanted)
}

/**
 * Gathers what comes into two buffers, of which one is filled while the other is written. Thousands of small buffers that
 * live until they are written would keep the garbage collector busier than the line.
 */
function createWriter(file: FileHandle, hash: Hash, from: number, size: number) {
  const length = Math.min(writeBytes, size - from)
  const buffers = [Buffer.allocUnsafe(length), Buffer.allocUnsafe(length)] as const
  let [at, filled, turn, synced] = [from, 0, 0 as 0 | 1, from]
  let writing: Promise<void> = Promise.resolve()
  let syncing: Promise<void> | undefined

  async function flush(): Promise<void> {
    if (filled === 0) return
    const part = buffers[turn].subarray(0, filled)
    hash.update(part)
    await writing
    writing = writeAll(file, part, at)
    writing.catch(() => {})
    at += filled
    filled = 0
    turn = turn === 0 ? 1 : 0
    if (at - synced < syncEveryBytes) return
    synced = at
    await syncing
    syncing = file.datasync().catch(() => {})
  }

  return {
    taken: () => at + filled,
    take: async (chunk: Uint8Array): Promise<void> => {
      for (let begin = 0; begin < chunk.length; ) {
        const part = chunk.subarray(begin, begin + length - filled)
        buffers[turn].set(part, filled)
        filled += part.length
        begin += part.length
        if (filled === length) await flush()
      }
    },
    end: async (): Promise<void> => {
      await flush()
      await writing
      await syncing
    },
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}

/** What an earlier try has written; that it belongs to this is shown by the hash at the end. */
async function takeUp(file: FileHandle, size: number, hash: Hash): Promise<number> {
  const there = (await file.stat()).size
  if (there > size) await file.truncate(0)
  if (there === 0 || there > size) return 0
  const buffer = Buffer.allocUnsafe(writeBytes)
  let at = 0
  for (let read = -1; read !== 0; at += read) {
    read = (await file.read(buffer, 0, buffer.length, at)).bytesRead
    hash.update(buffer.subarray(0, read))
  }
  return at
}

function verified(hash: Hash, wanted: Wanted): string {
  const sha256 = hash.digest('hex')
  if (sha256 !== wanted.sha256) throw new WrongContent(`“${wanted.path}” is not what was announced`)
  return sha256
}

/** Small, and never on the disk in between. */
async function fillSealed(
  file: FileHandle,
  wanted: Wanted,
  { source, signal, onBytes, unseal }: Putting,
): Promise<string> {
  if (wanted.size > sealedBytes) throw new WrongContent(`“${wanted.path}” is too long for what is sealed`)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of await source(wanted, 0, signal)) {
    size += chunk.length
    if (size > wanted.size) throw new WrongContent(`“${wanted.path}” is longer than was announced`)
    parts.push(chunk)
    onBytes?.(chunk.length)
  }
  const sealed = Buffer.concat(parts)
  verified(createHash('sha256').update(sealed), wanted)
  if (!unseal) throw new Error(`“${wanted.path}” is sealed, and this node has no key for it`)
  const clear = unseal(sealed)
  await file.truncate(0)
  await file.write(clear, 0, clear.length, 0)
  return createHash('sha256').update(clear).digest('hex')
}

/** The SHA-256 of a file and its marks, of one state of it; undefined when it is written to just now. */
export async function lookAt(root: Folder, path: string): Promise<Put | undefined> {
  return inFolderOf(root, path, false, async (folder, name) => {
    const file = await openFile(folder, name)
    try {
      const before = marksOf(await file.stat({ bigint: true }))
      const hash = createHash('sha256')
      await takeUp(file, Number.POSITIVE_INFINITY, hash)
      const after = marksOf(await file.stat({ bigint: true }))
      if (before.mtime !== after.mtime || before.size !== after.size) return undefined
      return { ...after, content: hash.digest('hex') }
    } finally {
      await file.close()
    }
  })
}
