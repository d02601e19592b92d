import { stat, statfs, unlink } from 'node:fs/promises'
import { messageOf, Unavailable } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { forgetSeen, keepSeen, type Place, type Seen } from '../store/file-places.ts'
import { oweAfterwards } from './afterwards.ts'
import { type Folder, inFolderOf, type Marks, removeFile, scan, syncFolders } from './folder.ts'
import { withMode } from './lead.ts'
import { atOnce, NotGiven } from './line.ts'
import { maskedMode } from './names.ts'
import { allowed } from './places.ts'
import { plan, type Step, type Wanted } from './plan.ts'
import { lookAt, type Putting, partName, putFile, WrongContent } from './put.ts'
import type { SetState } from './states.ts'

export type Following = Putting & { db: Db; place: Place; state: SetState }

export type Followed = { changed: number; problems: string[]; edited: string[] }

/** What a set would take is bounded before a byte of it flows. */
export function capProblem(db: Db, wanted: readonly Wanted[]): string | undefined {
  const { maxFiles, maxMegabytes } = allowed(db)
  if (wanted.length > maxFiles)
    return `It has ${wanted.length.toLocaleString('en')} files; ${maxFiles.toLocaleString('en')} are allowed on this node.`
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0)
  if (!(bytes <= maxMegabytes * 1e6))
    return `It has ${megabytes(bytes)}; ${maxMegabytes.toLocaleString('en')} MB are allowed on this node.`
  return undefined
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`

const spareBytes = 16_000_000

export async function needSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir)
  if (bavail * bsize < bytes + spareBytes)
    throw new Unavailable(
      `The disk is full: ${megabytes(bavail * bsize)} free in ${dir}, ${megabytes(bytes + spareBytes)} are needed. Free some; it goes on by itself.`,
      30,
    )
}

/** Makes a directory what the feed says. What cannot be done to one file is told and does not hold up the others. */
export async function follow(
  { db, place, state, ...putting }: Following,
  root: Folder,
  wanted: ReadonlyMap<string, Wanted>,
  seen: ReadonlyMap<string, Seen>,
): Promise<Followed> {
  const done: Followed = { changed: 0, problems: [], edited: [] }
  const found = await scan(root, allowed(db).maxFiles * 2)
  const steps = await settle(db, place, root, plan(false, wanted, found.files, seen), done)
  await sweepParts(root, found.parts, wanted)
  const puts = steps.flatMap((step) => (step.do === 'put' ? [step.wanted] : []))
  Object.assign(state, { missing: puts.length, bytes: sum(puts), done: 0 })
  if (puts.length > 0) {
    state.state = 'coming'
    await needSpace(place.dir, sum(puts))
  }
  if (steps.some((step) => step.do !== 'forget')) await oweAfterwards(db, place)
  const gone: string[] = []
  for (const step of steps) {
    if (step.do === 'remove') await removeFile(root, step.path)
    if (step.do === 'mode')
      await keepSeen(db.writer, place.setId, [
        [step.path, await withMode(root, step.wanted, seen.get(step.path)?.content)],
      ])
    if (step.do === 'remove' || step.do === 'forget') gone.push(step.path)
    if (step.do !== 'forget' && step.do !== 'put') done.changed++
  }
  await forgetSeen(db.writer, place.setId, gone)
  await putAll(db, place, root, puts, done, state, (one) => putFile(root, one, { ...putting, onBytes: counted(state) }))
  return done
}

export const counted =
  (state: SetState) =>
  (bytes: number): void => {
    state.done += bytes
  }

const sum = (files: readonly Wanted[]): number => files.reduce((all, { size }) => all + size, 0)

/** A few at a time; a line that is down ends it, a single bad file does not. */
export async function putAll(
  db: Db,
  /** Where what is there is written down at once. */
  place: Place | undefined,
  root: Folder,
  puts: Wanted[],
  done: Followed,
  state: SetState,
  put: (wanted: Wanted) => Promise<Marks & { content: string }>,
): Promise<void> {
  let at = 0
  let failure: unknown
  let kept: [string, Seen][] = []
  const keep = async () => {
    const now = kept
    kept = []
    await syncFolders(
      root,
      now.map(([path]) => path),
    )
    if (place) await keepSeen(db.writer, place.setId, now)
  }
  const work = async () => {
    for (let one = puts[at++]; one && failure === undefined; one = puts[at++]) {
      try {
        const marks = await put(one)
        kept.push([one.path, { ...marks, sha256: one.sha256 }])
        done.changed++
        state.missing--
        if (kept.length >= 200) await keep()
      } catch (error) {
        if (!isOfFile(error)) failure ??= error
        else done.problems.push(sentenceOf(one.path, error))
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  await keep()
  if (failure !== undefined) throw failure
}

const ofFile = new Set([
  'ENOTDIR',
  'ELOOP',
  'EISDIR',
  'ENOTEMPTY',
  'EEXIST',
  'EACCES',
  'EPERM',
  'ENAMETOOLONG',
  'EROFS',
])
const isOfFile = (error: unknown): boolean =>
  error instanceof WrongContent || error instanceof NotGiven || ofFile.has((error as { code?: string }).code ?? '')

function sentenceOf(path: string, error: unknown): string {
  switch ((error as { code?: string }).code) {
    case 'ENOTDIR':
    case 'ELOOP':
      return `“${path}” is not written: a folder on the way is a link or a file here.`
    case 'EISDIR':
    case 'ENOTEMPTY':
    case 'EEXIST':
      return `“${path}” is not written: a folder of that name lies here.`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `“${path}” is not written: the user of this service may not write there.`
  }
  return `${messageOf(error).replace(/\.$/, '')}.`
}

/** Looks into what only its content tells, and leaves alone what this node shall only report. */
export async function settle(db: Db, place: Place, root: Folder, steps: Step[], done: Followed): Promise<Step[]> {
  const settled: Step[] = []
  const adopted: [string, Seen][] = []
  for (const step of steps) {
    if (step.do === 'look') {
      const { path, wanted, seen } = step
      const is = await lookAt(root, path).catch(() => undefined)
      const content = wanted.sealed ? (seen?.sha256 === wanted.sha256 ? seen.content : undefined) : wanted.sha256
      if (is && is.content === content) {
        adopted.push([path, { ...is, sha256: wanted.sha256 }])
        if (is.mode !== maskedMode(wanted.mode)) settled.push({ do: 'mode', path, wanted })
      } else if (is && is.content === seen?.content) settled.push({ do: 'put', path, wanted, isEdited: false })
      else settled.push({ do: 'put', path, wanted, isEdited: true })
    } else settled.push(step)
  }
  await keepSeen(db.writer, place.setId, adopted)
  const isEdit = (step: Step) => (step.do === 'put' || step.do === 'remove') && step.isEdited
  done.edited = settled.filter(isEdit).map(({ path }) => path)
  return place.edits === 'report' ? settled.filter((step) => !isEdit(step)) : settled
}

/** What transfers have left that nobody waits for any more. */
async function sweepParts(root: Folder, parts: string[], wanted: ReadonlyMap<string, Wanted>): Promise<void> {
  const needed = new Set(Array.from(wanted.values(), partName))
  for (const path of parts) {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    if (needed.has(name)) continue
    const remove = (folder: Folder) => unlink(folder.at(name)).catch(() => {})
    if (slash < 0) await remove(root)
    else await inFolderOf(root, `${path.slice(0, slash)}/x`, false, remove).catch(() => {})
  }
}

/** The directory is on another file system than when it was named: something is not mounted. */
export async function volumeProblem(place: Place, dir: string): Promise<string | undefined> {
  const { dev } = await stat(dir)
  return place.volume !== undefined && place.volume !== String(dev)
    ? `${place.dir} is on another file system than when it was named. Is it mounted? Name the directory again if this is meant.`
    : undefined
}
