import { randomUUID } from 'node:crypto'
import { thisNode } from '../audit/actor.ts'
import { editStep } from '../audit/steps.ts'
import { messageOf } from '../errors.ts'
import type { FieldChange, UndoStep } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import type { FileBody, FileVersion } from '../store/file-bodies.ts'
import { forgetSeen, keepSeen, type Seen } from '../store/file-places.ts'
import type { KeptFile } from '../store/files-kept.ts'
import { write } from '../store/write.ts'
import { keepBlobOf, syncBlobs } from './blobs.ts'
import { type Folder, inFolderOf, marksOf, openFile } from './folder.ts'
import { maskedMode } from './names.ts'
import type { Step } from './plan.ts'
import type { FileSet } from './sets.ts'

/** So many versions of a file are kept, the one of now among them. */
const versionsKept = 10

const filesAtOnce = 200

export type Published = { added: number; changed: number; removed: number; problems: string[]; isBusy: boolean }

type Taken = { path: string; seen: Seen; before: KeptFile | undefined }

/** Takes what has changed in the directory into the feed. */
export async function publish(
  db: Db,
  set: FileSet,
  root: Folder,
  steps: Step[],
  files: ReadonlyMap<string, KeptFile>,
  maxBytes: number,
): Promise<Published> {
  const done: Published = { added: 0, changed: 0, removed: 0, problems: [], isBusy: false }
  const gone = steps.flatMap((step) => (step.do === 'unpublish' ? (files.get(step.path) ?? []) : []))
  const come = steps.flatMap((step) => (step.do === 'publish' ? [step.path] : []))
  for (let at = 0; at < come.length || at < gone.length; at += filesAtOnce) {
    const taken = (
      await severally(come.slice(at, at + filesAtOnce), async (path): Promise<Taken[]> => {
        try {
          const seen = await take(db, root, path, maxBytes)
          if (seen) return [{ path, seen, before: files.get(path) }]
          done.isBusy = true
        } catch (error) {
          if ((error as { code?: string }).code !== 'ENOENT') done.problems.push(`“${path}”: ${messageOf(error)}.`)
        }
        return []
      })
    ).flat()
    await publishNow(db, set, taken, gone.slice(at, at + filesAtOnce), done)
  }
  return done
}

const readAtOnce = 8

/** A few at a time, answered in order. */
async function severally<T, R>(all: readonly T[], run: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  let at = 0
  const work = async () => {
    for (let mine = at++; mine < all.length; mine = at++) answers[mine] = await run(all[mine] as T)
  }
  await Promise.all(Array.from({ length: readAtOnce }, work))
  return answers
}

/** Keeps what a file holds now; undefined while it is being written. */
function take(db: Db, root: Folder, path: string, maxBytes: number): Promise<Seen | undefined> {
  return inFolderOf(root, path, false, async (folder, name) => {
    const file = await openFile(folder, name)
    try {
      const before = marksOf(await file.stat({ bigint: true }))
      const { sha256, size } = await keepBlobOf(db.dir, file, maxBytes)
      const after = marksOf(await file.stat({ bigint: true }))
      if (before.mtime !== after.mtime || after.size !== size) return undefined
      return { ...after, sha256, content: sha256 }
    } finally {
      await file.close()
    }
  })
}

const isSame = (file: Pick<FileVersion, 'sha256' | 'mode'> | undefined, seen: Seen): boolean =>
  file?.sha256 === seen.sha256 && file.mode === maskedMode(seen.mode)

async function publishNow(db: Db, set: FileSet, taken: Taken[], gone: KeptFile[], done: Published): Promise<void> {
  const changed = taken.filter(({ before, seen }) => !isSame(before, seen))
  await syncBlobs(
    db.dir,
    changed.map(({ seen }) => seen.sha256),
  )
  if (changed.length + gone.length > 0)
    await write(db, thisNode, async (change) => {
      const changes: FieldChange[] = []
      const undo: UndoStep[] = []
      for (const { path, seen, before } of changed) {
        const known = before && (await change.get('file', before.id))
        const body = nextVersion(known?.body, { set: set.id, path }, { ...seen, mode: maskedMode(seen.mode) })
        const id = known?.id ?? randomUUID()
        await change.put('file', id, body)
        changes.push({ field: path, ...(known && { before: said(known.body) }), after: said(body) })
        const step = known ? editStep('file', id, known.body, body) : ({ kind: 'file', id, added: true } as const)
        if (step) undo.push(step)
        if (known) done.changed++
        else done.added++
      }
      for (const { id, path } of gone) {
        const known = await change.get('file', id)
        if (!known) continue
        await change.remove('file', id)
        changes.push({ field: path, before: said(known.body) })
        undo.push({ kind: 'file', id, removed: true, body: known.body })
        done.removed++
      }
      change.note({
        sentence: sentence(set.name, changed, gone),
        object: { kind: 'file-set', id: set.id, name: set.name },
        changes: changes.slice(0, 50),
        undo,
      })
    })
  await keepSeen(
    db.writer,
    set.id,
    taken.map(({ path, seen }) => [path, seen]),
  )
  await forgetSeen(
    db.writer,
    set.id,
    gone.map(({ path }) => path),
  )
}

/** A file as it is from now on, with the versions that it had. */
export function nextVersion(
  before: FileBody | undefined,
  where: Pick<FileBody, 'set' | 'path' | 'for' | 'sealed' | 'until'>,
  { sha256, size, mode }: Pick<FileVersion, 'sha256' | 'size' | 'mode'>,
): FileBody {
  const earlier = before ? [versionOf(before), ...before.earlier].slice(0, versionsKept - 1) : []
  const version = Math.max(0, before?.version ?? 0, ...earlier.map((one) => one.version)) + 1
  return { ...where, version, sha256, size, mode, at: new Date().toISOString(), earlier }
}

// In the order of canonical JSON: an undo compares values as they are written.
const versionOf = ({ at, mode, sha256, size, version }: FileVersion): FileVersion => ({
  at,
  mode,
  sha256,
  size,
  version,
})

export const said = ({ version, size, sha256 }: FileVersion): string =>
  `version ${version}, ${size.toLocaleString('en')} bytes, ${sha256.slice(0, 12)}`

function sentence(name: string, come: Taken[], gone: KeptFile[]): string {
  const many = (n: number) => (n === 1 ? '1 file' : `${n.toLocaleString('en')} files`)
  const [one] = come
  const [lost] = gone
  if (come.length === 1 && one && gone.length === 0)
    return `${one.before ? 'Published a new version of' : 'Published'} ${one.path} in ${name}`
  if (gone.length === 1 && lost && come.length === 0) return `Removed ${lost.path} from ${name}`
  if (gone.length === 0) return `Published ${many(come.length)} in ${name}`
  if (come.length === 0) return `Removed ${many(gone.length)} from ${name}`
  return `Published ${many(come.length)} in ${name} and removed ${many(gone.length)}`
}
