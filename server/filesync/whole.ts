import { randomBytes } from 'node:crypto'
import { link, readdir, readlink, rename, rm, rmdir, statfs, symlink } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { Unavailable } from '../errors.ts'
import { keepSeen, type Seen } from '../store/file-places.ts'
import {
  type Folder,
  inFolderOf,
  type Marks,
  marksOf,
  openBelow,
  openFile,
  openRoot,
  removeFile,
  scan,
  syncFolders,
} from './folder.ts'
import { counted, type Followed, type Following, putAll, settle } from './follow.ts'
import { maskedMode, ownPrefix } from './names.ts'
import { allowed } from './places.ts'
import { plan, type Wanted } from './plan.ts'
import { lookAt, putFile } from './put.ts'

/**
 * A set that changes at once for who reads it: its place is a link to a directory beside it. The next one is made ready,
 * with what is unchanged linked into it, and then the link is turned. A try that was cut off goes on where it was.
 */
export async function followWhole(
  following: Following,
  wanted: ReadonlyMap<string, Wanted>,
  seen: ReadonlyMap<string, Seen>,
): Promise<Followed> {
  const { db, place, state, ...putting } = following
  const base = basename(place.dir)
  const parent = await openRoot(dirname(place.dir))
  const opened: Folder[] = [parent]
  const done: Followed = { changed: 0, problems: [], edited: [] }
  try {
    const target = await targetOf(parent, base)
    await sweepOld(parent, base, target)
    const current = target === undefined ? undefined : await openBelow(parent, target)
    if (current) opened.push(current)
    const found = current ? (await scan(current, allowed(db).maxFiles * 2)).files : new Map<string, Marks>()
    const all = plan(false, wanted, found, current ? seen : new Map())
    const steps = current ? await settle(db, place, current, all, done) : all
    if (current && place.edits === 'report' && done.edited.length > 0) return done
    const puts = steps.flatMap((step) => (step.do === 'put' ? [step.wanted] : []))
    Object.assign(state, { missing: puts.length, bytes: puts.reduce((sum, { size }) => sum + size, 0), done: 0 })
    if (current && !steps.some((step) => step.do !== 'look')) return done
    state.state = 'coming'
    const { bavail, bsize } = await statfs(dirname(place.dir))
    if (bavail * bsize < state.bytes + 16_000_000)
      throw new Unavailable(`The disk is full in ${dirname(place.dir)}. Free some; it goes on by itself.`, 30)

    const next = await openBelow(parent, nextName(base), true)
    opened.push(next)
    const ready = await readyIn(next, wanted, allowed(db).maxFiles * 2)
    const toPut = new Set(puts.map(({ path }) => path))
    const missing: Wanted[] = []
    for (const one of wanted.values()) {
      if (ready.has(one.path)) continue
      const isUnchanged = current && !toPut.has(one.path) && found.get(one.path)?.mode === maskedMode(one.mode)
      if (!isUnchanged || !(await linkInto(current, next, one.path))) missing.push(one)
    }
    state.missing = missing.length
    const before = done.problems.length
    await putAll(db, undefined, next, missing, done, state, async (one) =>
      putFile(next, one, { ...putting, onBytes: counted(state) }),
    )
    if (done.problems.length > before) return done
    await syncFolders(next, wanted.keys())
    await turn(parent, base, target)
    const now: [string, Seen][] = []
    for (const one of wanted.values()) {
      const old = seen.get(one.path)
      const content = !one.sealed ? one.sha256 : old?.sha256 === one.sha256 ? old.content : ''
      now.push([one.path, { ...(await marksAt(next, one.path)), sha256: one.sha256, content }])
    }
    await db.writer('file_seen').where({ set_id: place.setId }).delete()
    await keepSeen(db.writer, place.setId, now)
    done.changed += 1
    return done
  } finally {
    for (const folder of opened) await folder.close()
  }
}

const nextName = (base: string): string => `.${base}.next`
const versionName = (base: string): RegExp => new RegExp(`^\\.${base.replace(/[^\w]/g, '\\$&')}\\.[0-9a-f]{16}$`)

/** Where the link leads now; only to a directory that this program made beside it. */
async function targetOf(parent: Folder, base: string): Promise<string | undefined> {
  let target: string
  try {
    target = await readlink(parent.at(base))
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT') return undefined
    if (code !== 'EINVAL') throw error
    // Something else lies there: an empty directory makes way.
    await rmdir(parent.at(base)).catch(() => {
      throw new Unavailable(
        `${base} is a directory with something in it; a set that is switched at once needs the place for itself.`,
        30,
      )
    })
    return undefined
  }
  if (!versionName(base).test(target))
    throw new Unavailable(`${base} is a link to ${target}, which this program has not made.`, 30)
  return target
}

async function sweepOld(parent: Folder, base: string, target: string | undefined): Promise<void> {
  for (const name of await readdir(parent.at('.')))
    if (versionName(base).test(name) && name !== target) await rm(parent.at(name), { recursive: true, force: true })
}

/** What an earlier try has made ready already; the rest of it goes. */
async function readyIn(next: Folder, wanted: ReadonlyMap<string, Wanted>, most: number): Promise<Set<string>> {
  const ready = new Set<string>()
  for (const path of (await scan(next, most)).files.keys()) {
    const one = wanted.get(path)
    const is = one && !one.sealed ? await lookAt(next, path).catch(() => undefined) : undefined
    if (is && is.content === one?.sha256 && is.mode === maskedMode(one.mode)) ready.add(path)
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

async function turn(parent: Folder, base: string, old: string | undefined): Promise<void> {
  const name = `.${base}.${randomBytes(8).toString('hex')}`
  await rename(parent.at(nextName(base)), parent.at(name))
  const fresh = `${ownPrefix}${base}.link`
  await rm(parent.at(fresh), { force: true })
  await symlink(name, parent.at(fresh))
  await rename(parent.at(fresh), parent.at(base))
  await parent.handle.sync()
  if (old !== undefined) await rm(parent.at(old), { recursive: true, force: true })
}

const marksAt = (root: Folder, path: string): Promise<Marks> =>
  inFolderOf(root, path, false, async (folder, name) => {
    const file = await openFile(folder, name)
    try {
      return marksOf(await file.stat({ bigint: true }))
    } finally {
      await file.close()
    }
  })
