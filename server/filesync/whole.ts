import { randomBytes } from 'node:crypto'
import { link, lstat, lutimes, readdir, readlink, realpath, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Unavailable } from '../errors.ts'
import { forgetAllSeen, keepSeen, type Seen } from '../store/file-places.ts'
import { oweAfterwards } from './afterwards.ts'
import {
  type Folder,
  inFolderOf,
  type Marks,
  openBelow,
  openRoot,
  removeFile,
  type Scan,
  scan,
  syncFolders,
} from './folder.ts'
import { counted, type Followed, type Following, needSpace, putAll, settle } from './follow.ts'
import { maskedMode, ownPrefix } from './names.ts'
import { allowed } from './places.ts'
import { plan, type Wanted } from './plan.ts'
import { lookAt, putFile } from './put.ts'

/**
 * A set that changes at once for who reads it: its place is a link to a directory beside it. The next one is made ready,
 * with what is unchanged linked into it, and then the link is turned. A try that was cut off goes on where it was. An
 * ordinary directory, as the set had before it was one of these, makes way at the first turn.
 */
export async function followWhole(
  following: Following,
  wanted: ReadonlyMap<string, Wanted>,
  seen: ReadonlyMap<string, Seen>,
): Promise<Followed> {
  const { db, place, state, ...putting } = following
  const base = basename(place.dir)
  const parent = await openRoot(await realpath(dirname(place.dir)))
  const opened: Folder[] = [parent]
  const done: Followed = { changed: 0, problems: [], edited: [] }
  try {
    if (seen.size > 0) await bringBack(parent, base)
    const target = await targetOf(parent, base)
    await sweepOld(parent, base, target)
    const current = target === undefined ? undefined : await openBelow(parent, target)
    if (current) opened.push(current)
    const { files: found, refused } = current
      ? await scan(current, allowed(db).maxFiles * 2)
      : { files: new Map<string, Marks>(), refused: [] }
    const all = plan(false, wanted, found, current ? seen : new Map())
    const steps = current ? await settle(db, place, current, all, done) : all
    if (current && place.edits === 'report' && done.edited.length > 0) return done
    const puts = steps.flatMap((step) => (step.do === 'put' ? [step.wanted] : []))
    Object.assign(state, { missing: puts.length, bytes: puts.reduce((sum, { size }) => sum + size, 0), done: 0 })
    if (current && target !== base && !steps.some((step) => step.do !== 'look')) return done
    state.state = 'coming'
    await needSpace(dirname(place.dir), state.bytes)

    const next = await openBelow(parent, nextName(base), true)
    opened.push(next)
    const ready = await readyIn(next, wanted, allowed(db).maxFiles * 2)
    const toPut = new Set(puts.map(({ path }) => path))
    const missing: Wanted[] = []
    for (const one of wanted.values()) {
      if (ready.has(one.path)) continue
      const marks = found.get(one.path)
      const isUnchanged = current && !toPut.has(one.path) && marks?.mode === maskedMode(one.mode)
      if (isUnchanged && (await linkInto(current, next, one.path))) ready.set(one.path, marks)
      else missing.push(one)
    }
    state.missing = missing.length
    const before = done.problems.length
    const contents = new Map<string, string>()
    await putAll(db, undefined, next, missing, done, state, async (one) => {
      const put = await putFile(next, one, { ...putting, onBytes: counted(state) })
      contents.set(one.path, put.content)
      ready.set(one.path, put)
      return put
    })
    if (done.problems.length > before) return done
    if (current) {
      const others = [...found.keys()].filter((path) => !wanted.has(path) && !seen.has(path))
      await carryOver(current, next, base, others, refused)
    }
    await syncFolders(next, wanted.keys())
    await oweAfterwards(db, place)
    await turn(parent, base, target)
    const now: [string, Seen][] = []
    for (const one of wanted.values()) {
      const old = seen.get(one.path)
      const content = contents.get(one.path) ?? (one.sealed ? (old?.content ?? '') : one.sha256)
      // As it was made ready: it may be edited as soon as the link is turned.
      const { mode, size, mtime, inode } = ready.get(one.path) as Marks
      now.push([one.path, { mode, size, mtime, inode, sha256: one.sha256, content }])
    }
    await forgetAllSeen(db.writer, place.setId)
    await keepSeen(db.writer, place.setId, now)
    done.changed += 1
    return done
  } finally {
    for (const folder of opened) await folder.close()
  }
}

const nextName = (base: string): string => `.${base}.next`
const versionName = (base: string): RegExp => new RegExp(`^\\.${base.replace(/[^\w]/g, '\\$&')}\\.[0-9a-f]{16}$`)

/** Where the link leads now; the name itself where an ordinary directory lies there. */
async function targetOf(parent: Folder, base: string): Promise<string | undefined> {
  const stats = await lstat(parent.at(base)).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!stats || stats.isDirectory()) return stats && base
  if (!stats.isSymbolicLink()) throw new Unavailable(`${base} is no directory; the set needs the place for itself.`, 30)
  const target = await readlink(parent.at(base))
  if (!versionName(base).test(target))
    throw new Unavailable(`${base} is a link to ${target}, which this program has not made.`, 30)
  return target
}

/** Who has opened the directory of before reads on in it for so long. */
const graceMs = 10_000

async function sweepOld(parent: Folder, base: string, target: string | undefined, olderMs = graceMs): Promise<void> {
  for (const name of await readdir(parent.at('.'))) {
    if (!versionName(base).test(name) || name === target) continue
    const { mtimeMs } = await lstat(parent.at(name))
    if (Math.abs(Date.now() - mtimeMs) >= olderMs) await rm(parent.at(name), { recursive: true, force: true })
  }
}

/** What an earlier try has made ready already; the rest of it goes. */
async function readyIn(next: Folder, wanted: ReadonlyMap<string, Wanted>, most: number): Promise<Map<string, Marks>> {
  const ready = new Map<string, Marks>()
  const { files, refused } = await scan(next, most)
  for (const { path } of refused) await removeFile(next, path)
  for (const path of files.keys()) {
    const one = wanted.get(path)
    const is = one && !one.sealed ? await lookAt(next, path).catch(() => undefined) : undefined
    if (is && is.content === one?.sha256 && is.mode === maskedMode(one.mode)) ready.set(path, is)
    else await removeFile(next, path)
  }
  return ready
}

const linkInto = (from: Folder, to: Folder, path: string): Promise<boolean> =>
  inFolderOf(from, path, false, (source, name) =>
    inFolderOf(to, path, true, (folder) => link(source.at(name), folder.at(name))),
  ).then(
    () => true,
    () => false,
  )

/** What the set never had stays where it was. */
async function carryOver(
  from: Folder,
  to: Folder,
  base: string,
  files: readonly string[],
  refused: Scan['refused'],
): Promise<void> {
  for (const path of files)
    if (!(await linkInto(from, to, path))) throw new Unavailable(`“${path}” in ${base} is in the way. Remove it.`, 30)
  for (const { path } of refused) {
    const isLinked = await copyLink(from, to, path).catch(() => false)
    if (!isLinked) throw new Unavailable(`“${path}” in ${base} is neither a file nor a link. Remove it.`, 30)
  }
}

const copyLink = (from: Folder, to: Folder, path: string): Promise<boolean> =>
  inFolderOf(from, path, false, (source, name) =>
    inFolderOf(to, path, true, async (folder) => {
      await symlink(await readlink(source.at(name)), folder.at(name))
      return true
    }),
  )

async function turn(parent: Folder, base: string, target: string | undefined): Promise<void> {
  const fresh = freshName(base)
  const turned = `${ownPrefix}${base}.link`
  const aside = target === base ? freshName(base) : target
  await rename(parent.at(nextName(base)), parent.at(fresh))
  await rm(parent.at(turned), { force: true })
  await symlink(fresh, parent.at(turned))
  if (aside !== undefined && aside !== target) await rename(parent.at(base), parent.at(aside))
  await rename(parent.at(turned), parent.at(base))
  await parent.handle.sync()
  const now = new Date()
  if (aside !== undefined) await lutimes(parent.at(aside), now, now)
}

const freshName = (base: string): string => `.${base}.${randomBytes(8).toString('hex')}`

/** Killed between the two steps of a turn, or the link was removed: the latest directory takes its place. */
async function bringBack(parent: Folder, base: string): Promise<void> {
  if (await isThere(parent.at(base))) return
  let latest = { name: '', mtimeMs: 0 }
  for (const name of await readdir(parent.at('.')))
    if (versionName(base).test(name)) {
      const { mtimeMs } = await lstat(parent.at(name))
      if (mtimeMs > latest.mtimeMs) latest = { name, mtimeMs }
    }
  if (latest.name) await rename(parent.at(latest.name), parent.at(base))
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

/** Where a set is no longer switched at once, its link becomes the directory that it led to. */
export async function turnBack(dir: string): Promise<void> {
  const base = basename(dir)
  const target = await readlink(dir).catch(() => undefined)
  const isOurs = target !== undefined && versionName(base).test(target)
  if (!isOurs && (await isThere(dir))) return
  const parent = await openRoot(await realpath(dirname(dir)))
  try {
    if (isOurs) {
      await rm(parent.at(base))
      await rename(parent.at(target), parent.at(base))
    } else await bringBack(parent, base)
    await parent.handle.sync()
    await rm(parent.at(nextName(base)), { recursive: true, force: true })
    await sweepOld(parent, base, undefined, 0)
  } finally {
    await parent.close()
  }
}
