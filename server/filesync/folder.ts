import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { ownPrefix, pathProblem } from './names.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/**
 * A folder that is held open. Everything below is reached through it, name by name, and never through a link: whoever swaps
 * a folder for a link meanwhile leads nobody elsewhere. Node has no openat(2); the kernel's own names for what a process has
 * open are as good.
 */
export type Folder = { handle: FileHandle; at: (name: string) => string; close: () => Promise<void> }

const held = (handle: FileHandle): Folder => ({
  handle,
  at: (name) => `/proc/self/fd/${handle.fd}/${name}`,
  close: () => handle.close(),
})

/** The directory of a set; the path is one that this node's administrator named. */
export const openRoot = async (dir: string): Promise<Folder> =>
  held(await open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))

export async function openBelow(folder: Folder, name: string, make = false): Promise<Folder> {
  const isNew =
    make &&
    (await mkdir(folder.at(name)).then(
      () => true,
      (error) => {
        if (error.code !== 'EEXIST') throw error
        return false
      },
    ))
  const handle = await open(folder.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  // Whoever the files are for gets to them, whatever the umask of the service is.
  if (isNew) await handle.chmod(0o755)
  return held(handle)
}

/** Runs with the folder in which the last name of a path lies. */
export async function inFolderOf<T>(
  root: Folder,
  path: string,
  make: boolean,
  run: (folder: Folder, name: string) => Promise<T>,
): Promise<T> {
  const problem = pathProblem(path)
  if (problem) throw new Error(`“${path}” is not used: ${problem}.`)
  const parts = path.split('/')
  const name = parts.pop() as string
  const opened: Folder[] = []
  try {
    let folder = root
    for (const part of parts) {
      folder = await openBelow(folder, part, make)
      opened.push(folder)
    }
    return await run(folder, name)
  } finally {
    for (const folder of opened) await folder.close()
  }
}

/** What tells one state of a file from another without reading it. */
export type Marks = { mode: number; size: number; mtime: string; inode: string }

type Stats = { mode: bigint; size: bigint; mtimeNs: bigint; ino: bigint }

export const marksOf = (stats: Stats): Marks => ({
  mode: Number(stats.mode & 0o7777n),
  size: Number(stats.size),
  mtime: String(stats.mtimeNs),
  inode: String(stats.ino),
})

export type Scan = {
  files: Map<string, Marks>
  /** Folders by path, '' for the first. */
  folders: string[]
  /** What lies there and cannot be part of a set, with the reason. */
  refused: { path: string; why: string }[]
  /** What was left of transfers, by path. */
  parts: string[]
}

export class TooMany extends Error {}

/** Everything below a folder. Links are looked at and never followed. */
export async function scan(root: Folder, most: number): Promise<Scan> {
  const found: Scan = { files: new Map(), folders: [], refused: [], parts: [] }
  await scanFolder(root, '', found, most)
  return found
}

async function scanFolder(folder: Folder, path: string, found: Scan, most: number): Promise<void> {
  found.folders.push(path)
  const names = (await readdir(folder.at('.'))).sort()
  for (let at = 0; at < names.length; at += 64) {
    const slice = names.slice(at, at + 64)
    const stats = await Promise.all(
      slice.map((name) => lstat(folder.at(name), { bigint: true }).catch(() => undefined)),
    )
    for (const [index, name] of slice.entries()) {
      const full = path === '' ? name : `${path}/${name}`
      const one = stats[index]
      if (name.startsWith(ownPrefix)) {
        found.parts.push(full)
        continue
      }
      const why = pathProblem(full) ?? (one && !one.isFile() && !one.isDirectory() ? kindOf(one) : undefined)
      if (why) found.refused.push({ path: full, why })
      else if (one?.isDirectory()) {
        const inner = await openBelow(folder, name).catch(() => undefined)
        if (!inner) continue
        await scanFolder(inner, full, found, most).finally(inner.close)
      } else if (one) found.files.set(full, marksOf(one))
      if (found.files.size > most) throw new TooMany(`There are more than ${most} files.`)
    }
  }
}

const kindOf = (stats: { isSymbolicLink: () => boolean }): string =>
  stats.isSymbolicLink() ? 'it is a symbolic link' : 'it is no ordinary file'

/** Opens a file to read it: an ordinary one, and no link. */
export async function openFile(folder: Folder, name: string): Promise<FileHandle> {
  const file = await open(folder.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new Error('it is no ordinary file')
}

/** Puts a finished file in its place: whoever reads sees the old one or the new one. */
export async function moveInto(folder: Folder, from: string, name: string): Promise<void> {
  // An empty folder of that name is what a removal has left.
  await rmdir(folder.at(name)).catch(() => {})
  await rename(folder.at(from), folder.at(name))
}

/** What was moved into the folders of these paths survives a power cut from now on. */
export async function syncFolders(root: Folder, paths: Iterable<string>): Promise<void> {
  const folders = new Set(Array.from(paths, (path) => path.slice(0, path.lastIndexOf('/') + 1)))
  for (const folder of folders) await inFolderOf(root, `${folder}x`, false, (held) => held.handle.sync())
}

/** Removes a file, and the folders that are empty then. */
export async function removeFile(root: Folder, path: string): Promise<void> {
  await inFolderOf(root, path, false, async (folder, name) => {
    await unlink(folder.at(name))
    await folder.handle.sync()
  }).catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
  const parts = path.split('/')
  while (parts.pop() && parts.length > 0) {
    const isGone = await inFolderOf(root, parts.join('/'), false, (folder, name) => rmdir(folder.at(name))).then(
      () => true,
      () => false,
    )
    if (!isGone) return
  }
}
