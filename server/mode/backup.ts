import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Invalid, messageOf, Refused } from '../errors.ts'
import { openFolder } from '../store/files.ts'
import { copyDatabase } from '../store/snapshot.ts'

/**
 * One encrypted file with everything that a node is: its database as it was at one moment, and the key files beside it.
 * A line of JSON that names salt and cost, AES-256-GCM of the rest, the tag. The rest is a line of JSON that names the
 * files, and the files one after the other. The first line is covered by the tag.
 */
type Opening = { format: string; scrypt: { N: number; r: number; p: number; salt: string }; iv: string }
type Contents = { made: string; files: { name: string; size: number }[] }

const format = 'account-sync backup 1'
const tagBytes = 16
const cost = { N: 131_072, r: 8, p: 1 }

/** What belongs to the running process, or would be of no use to another. */
const leftOut = /^(spare|accounts\.db.*|lock.*|admin\.sock|claim-code|\..*)$/

const database = 'accounts.db'
const blobFolder = 'blobs'
const shortest = 12

function passphraseProblem(passphrase: string): string | undefined {
  return passphrase.length < shortest
    ? `The passphrase must have at least ${shortest} characters: the file holds every password hash.`
    : undefined
}

/** Writes a backup of the node in `dir`, which may be running, to `file`; returns its size. */
export async function makeBackup(dir: string, file: string, passphrase: string): Promise<number> {
  const problem = passphraseProblem(passphrase)
  if (problem) throw new Invalid({ passphrase: problem })
  if (existsSync(file)) throw new Refused(`${file} exists already. Name another file.`, 'exists')
  if (!existsSync(dirname(file))) throw new Refused(`There is no folder ${dirname(file)}.`, 'no-folder')
  const copy = join(dir, `.backup-${randomBytes(4).toString('hex')}.db`)
  const unfinished = `${file}.${randomBytes(4).toString('hex')}.part`
  try {
    await copyDatabase(join(dir, database), copy)
    const sources = [
      { name: database, path: copy },
      ...filesBeside(dir).map((name) => ({ name, path: join(dir, name) })),
    ]
    await encrypt(sources, unfinished, passphrase)
    renameSync(unfinished, file)
    return statSync(file).size
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  } finally {
    rmSync(copy, { force: true })
  }
}

/** Key files, and the blobs of file sets: what they lie in is copied after the database, so what that names is there. */
const filesBeside = (dir: string): string[] => [...filesIn(dir), ...blobsIn(dir)].sort()

const filesIn = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !leftOut.test(entry.name))
    .map(({ name }) => name)

function blobsIn(dir: string): string[] {
  if (!existsSync(join(dir, blobFolder))) return []
  return readdirSync(join(dir, blobFolder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => filesIn(join(dir, blobFolder, name)).map((blob) => `${blobFolder}/${name}/${blob}`))
}

async function encrypt(sources: { name: string; path: string }[], file: string, passphrase: string): Promise<void> {
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const opening: Opening = {
    format,
    scrypt: { ...cost, salt: salt.toString('base64') },
    iv: iv.toString('base64'),
  }
  const first = Buffer.from(`${JSON.stringify(opening)}\n`)
  const cipher = createCipheriv('aes-256-gcm', keyFrom(passphrase, opening), iv).setAAD(first)
  const contents: Contents = {
    made: new Date().toISOString(),
    files: sources.map(({ name, path }) => ({ name, size: statSync(path).size })),
  }
  const out = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  await pipeline(async function* () {
    yield first
    yield cipher.update(`${JSON.stringify(contents)}\n`)
    for (const { path } of sources) for await (const part of createReadStream(path)) yield cipher.update(part)
    yield cipher.final()
    yield cipher.getAuthTag()
  }, out)
  sync(file)
}

/** Puts a backup into the empty data directory `dir`. Nothing is there before the whole file has proved genuine. */
export async function unpackBackup(dir: string, file: string, passphrase: string): Promise<Contents> {
  const { opening, start } = readOpening(file)
  openFolder(dir)
  const others = readdirSync(dir).filter((name) => name !== stagingName && !name.startsWith('lock'))
  if (others.length > 0)
    throw new Refused(`${dir} is not empty (${others[0]}). A backup is restored into an empty directory.`, 'not-empty')
  const staging = join(dir, stagingName)
  rmSync(staging, { recursive: true, force: true })
  mkdirSync(staging, { mode: 0o700 })
  try {
    const contents = await decrypt(file, opening, start, passphrase, staging)
    // The database last: where it is missing, no node is there.
    const names = contents.files.map(({ name }) => name).sort((a, b) => Number(a === database) - Number(b === database))
    for (const name of names) {
      mkdirSync(dirname(join(dir, name)), { recursive: true, mode: 0o700 })
      renameSync(join(staging, name), join(dir, name))
    }
    sync(dir)
    return contents
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

const stagingName = '.restoring'

/** The first line, read without believing anything in it. */
function readOpening(file: string): { opening: Opening; start: Buffer } {
  const bytes = Buffer.alloc(4096)
  const opened = openFile(file)
  const length = readSync(opened, bytes, 0, bytes.length, 0)
  closeSync(opened)
  const end = bytes.subarray(0, length).indexOf(10)
  const start = Buffer.from(bytes.subarray(0, end + 1))
  try {
    const opening: Opening = JSON.parse(start.toString())
    const { N, r, p, salt } = opening.scrypt
    const isPlausible = [N, r, p].every(Number.isSafeInteger) && N * r * p <= cost.N * cost.r * 8 && salt && opening.iv
    if (opening.format === format && isPlausible) return { opening, start }
  } catch {
    // Said below.
  }
  throw new Refused(`${file} is no backup of Account Synchronization.`, 'no-backup')
}

function openFile(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (error) {
    throw new Refused(`${file} cannot be read: ${messageOf(error)}`, 'no-file')
  }
}

async function decrypt(
  file: string,
  opening: Opening,
  start: Buffer,
  passphrase: string,
  into: string,
): Promise<Contents> {
  const end = statSync(file).size - tagBytes
  const damaged = () =>
    new Refused(`The passphrase is wrong, or ${file} is damaged. Nothing was restored.`, 'passphrase')
  if (end <= start.length) throw damaged()
  const decipher = createDecipheriv('aes-256-gcm', keyFrom(passphrase, opening), Buffer.from(opening.iv, 'base64'))
  decipher.setAAD(start).setAuthTag(lastBytes(file, end))
  // Decrypted whole and proved before anything in it is read.
  const plain = join(into, '.plain')
  try {
    await pipeline(
      createReadStream(file, { start: start.length, end: end - 1 }),
      decipher,
      createWriteStream(plain, { mode: 0o600 }),
    )
  } catch (error) {
    if ((error as { code?: string }).code) throw error
    throw damaged()
  }
  return split(plain, into)
}

async function split(plain: string, into: string): Promise<Contents> {
  const line = firstLine(plain)
  const contents: Contents = JSON.parse(line.toString())
  let at = line.length
  for (const { name, size } of contents.files) {
    const path = join(into, name)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const content = size > 0 ? createReadStream(plain, { start: at, end: at + size - 1 }) : []
    await pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    sync(path)
    at += size
  }
  rmSync(plain)
  return contents
}

/** With its end. It names each file, so it may be long. */
function firstLine(file: string): Buffer {
  const parts: Buffer[] = []
  const opened = openSync(file, 'r')
  try {
    for (;;) {
      const part = Buffer.alloc(65_536)
      const length = readSync(opened, part, 0, part.length, null)
      const end = part.subarray(0, length).indexOf(10)
      parts.push(part.subarray(0, end < 0 ? length : end + 1))
      if (end >= 0 || length === 0) return Buffer.concat(parts)
    }
  } finally {
    closeSync(opened)
  }
}

function lastBytes(file: string, from: number): Buffer {
  const tag = Buffer.alloc(tagBytes)
  const opened = openSync(file, 'r')
  readSync(opened, tag, 0, tagBytes, from)
  closeSync(opened)
  return tag
}

const keyFrom = (passphrase: string, { scrypt: { N, r, p, salt } }: Opening): Buffer =>
  scryptSync(passphrase.normalize('NFC'), Buffer.from(salt, 'base64'), 32, { N, r, p, maxmem: 256 * N * r })

function sync(path: string): void {
  const opened = openSync(path, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}
