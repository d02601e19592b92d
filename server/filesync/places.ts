import { chmod, mkdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, normalize, resolve } from 'node:path'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { type Edits, giveSeen, keepPlace, type Place, places, removePlace } from '../store/file-places.ts'
import type { LocalFiles } from '../store/local.ts'
import { objectById } from '../store/objects.ts'
import { commit } from '../store/write.ts'
import { type FileSet, fileSetByName, isWhole } from './sets.ts'

// Where sets lie on this node, and what this machine allows. Nothing of it travels, and nothing of it is taken from the wire.

const firstAllowed: LocalFiles = {
  roots: [],
  units: [],
  kilobytesPerSecond: 0,
  maxFiles: 50_000,
  maxMegabytes: 20_000,
  receives: false,
  notHere: [],
}

export const allowed = (db: Db): LocalFiles => ({ ...firstAllowed, ...db.local.files })

/** Directories below which sets may lie: one of the node’s own, and those that the administrator of the machine named. */
export const rootsOf = (db: Db): string[] => [ownRoot(db), ...allowed(db).roots]

export const ownRoot = (db: Db): string => join(db.dir, 'files')

/** Where the certificates of this node lie without anybody asking for it. */
export const certificatesDir = (dir: string): string => join(dir, 'certificates')

/** Only who has the machine says what may be written on it; a role of the accounts is not enough. */
export async function changeAllowed(db: Db, actor: Actor, input: Partial<LocalFiles>): Promise<LocalFiles> {
  if (actor.via !== 'command line' && actor.via !== 'this node')
    throw new Refused('This is settled at the machine itself, with the command line.', 'local')
  for (const root of input.roots ?? []) {
    if (!isAbsolute(root) || normalize(root) !== root || root === '/')
      throw new Invalid({ roots: `“${root}” must be a whole path, as /srv/files.` })
    if (isBelow(resolve(db.dir), root) || isBelow(root, resolve(db.dir)))
      throw new Invalid({ roots: `“${root}” has to do with the data directory, which holds keys.` })
  }
  for (const unit of input.units ?? [])
    if (!/^[A-Za-z0-9][A-Za-z0-9@:_.-]{0,100}$/.test(unit))
      throw new Invalid({ units: `“${unit}” is no name of a unit.` })
  const most = { kilobytesPerSecond: 100_000_000, maxFiles: 1_000_000, maxMegabytes: 100_000_000 } as const
  for (const name of Object.keys(most) as (keyof typeof most)[]) {
    const value = input[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0 && value <= most[name]))
      throw new Invalid({ [name]: `${name} must be a whole number from 0 to ${most[name]}.` })
  }
  const now = { ...allowed(db), ...input }
  await commit(db, actor, async (change) => change.local({ files: now }))
  return now
}

const isBelow = (path: string, root: string): boolean =>
  path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)

/** The real path of what exists of a path, with the rest behind it. */
async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(await realOf(parent), path.slice(parent.length))
  }
}

/** Why a set may not lie there; undefined when it may. Links are followed first: what counts is where they lead. */
export async function dirProblem(db: Db, dir: string): Promise<string | undefined> {
  if (!isAbsolute(dir) || normalize(dir) !== dir || dir.endsWith('/') || dir.length > 1000)
    return 'The directory must be a whole path, as /srv/files/netlogon.'
  const real = await realOf(dir)
  const roots = await Promise.all(rootsOf(db).map(realOf))
  if (!roots.some((root) => isBelow(real, root)))
    return `${dir} is not below a directory that is allowed here: ${rootsOf(db).join(', ')}. At the machine, “account-sync files allow” adds one.`
  return undefined
}

export const afterwardsChoices = (db: Db): { value: string; title: string }[] => [
  { value: 'nothing', title: 'Nothing' },
  { value: 'reload-samba', title: 'Reload Samba' },
  { value: 'reload-nslcd', title: 'Reload nslcd' },
  ...allowed(db).units.map((unit) => ({ value: `unit:${unit}`, title: `Reload ${unit}` })),
]

export type PlaceInput = { dir: string; edits?: Edits | undefined; afterwards?: string | undefined }

/** Says where a set lies on this node. On the master that is where it comes from. */
export async function setPlace(db: Db, actor: Actor, setName: string, input: PlaceInput): Promise<Place> {
  needRight(actor, 'change')
  return placeSet(db, actor, await fileSetByName(db, setName), input)
}

export async function placeSet(db: Db, actor: Actor, set: FileSet, input: PlaceInput): Promise<Place> {
  const known = await places(db.reader)
  const before = known.find(({ setId }) => setId === set.id)
  const dir = input.dir.trim()
  const problem = await dirProblem(db, dir)
  if (problem) throw new Invalid({ dir: problem })
  const other = known.find((one) => one.setId !== set.id && (isBelow(one.dir, dir) || isBelow(dir, one.dir)))
  const follows = other?.dir === dir && !(await objectById(db.reader, 'file-set', other.setId))
  if (other && !follows)
    throw new Invalid({ dir: `File set ${other.setName} lies in ${other.dir} already; one cannot lie in another.` })
  const edits = input.edits ?? before?.edits ?? 'restore'
  const afterwards = input.afterwards ?? before?.afterwards ?? 'nothing'
  if (!afterwardsChoices(db).some(({ value }) => value === afterwards))
    throw new Invalid({ afterwards: `“${afterwards}” is not among what may be done here.` })
  const switches = isWhole(set) && !leads(db, set)
  const made = await mkdir(switches ? dirname(dir) : dir, { recursive: true }).catch((error) => {
    throw new Invalid({ dir: `${dir} cannot be made: ${error.code}.` })
  })
  // The first of those that were made is named; who the files are for gets through all of them, whatever the umask is.
  for (let at = switches ? dirname(dir) : dir; made && isBelow(at, made); at = dirname(at)) await chmod(at, 0o755)
  const { dev } = await stat(switches ? dirname(dir) : dir)
  if (before && before.dir !== dir) await removePlace(db.writer, set.id)
  // A set that was removed and made again: where this node follows, what the one before left there belongs to the new one.
  if (other && !leads(db, set)) await giveSeen(db.writer, other.setId, set.id)
  if (other) await removePlace(db.writer, other.setId)
  const isOwed = [before, other].some((one) => one?.isOwed)
  const place: Place = { setId: set.id, setName: set.name, dir, volume: String(dev), edits, afterwards, isOwed }
  await keepPlace(db.writer, place)
  await note(db, actor, `File set ${set.name} lies in ${dir} on ${db.local.name}`, set, (ids) =>
    ids.filter((id) => id !== set.id),
  )
  return place
}

export async function endPlace(db: Db, actor: Actor, setName: string): Promise<void> {
  needRight(actor, 'change')
  const place = (await places(db.reader)).find((one) => one.setName === setName)
  if (!place) throw new NotFound(`File set “${setName}” has no directory on this node.`)
  await removePlace(db.writer, place.setId)
  const set = { id: place.setId, name: setName }
  await note(db, actor, `File set ${setName} has no directory on ${db.local.name} any more`, set, (ids) => [
    ...ids.filter((id) => id !== set.id),
    set.id,
  ])
}

/** Wakes who looks after files as well: `local` has changed. */
const note = (
  db: Db,
  actor: Actor,
  sentence: string,
  { id, name }: { id: string; name: string },
  notHere: (ids: string[]) => string[],
): Promise<void> =>
  commit(db, actor, async (change) => {
    change.note({ sentence, object: { kind: 'file-set', id, name } })
    const files = allowed(db)
    change.local(files.receives ? { files: { ...files, notHere: notHere(files.notHere) } } : {})
  })

/** Where the directory says what the files are; elsewhere the feed does. Certificates come from this program, not from a directory. */
export const leads = (db: Db, set: { kind: string }): boolean =>
  db.local.mode !== 'slave' && set.kind !== 'certificates'

/** Its own certificates every node has in its data directory, whatever else is done with the set. */
export const ownCertificates = 'certificates'

export function withCertificates(db: Db, sets: FileSet[], all: Place[]): Place[] {
  const set = sets.find(({ kind }) => kind === 'certificates')
  if (!set) return all
  const own: Place = {
    setId: ownCertificates,
    setName: set.name,
    dir: certificatesDir(db.dir),
    edits: 'restore',
    afterwards: 'nothing',
    isOwed: false,
  }
  return [...all, own]
}

export const setIdOf = (place: Place, sets: FileSet[]): string | undefined =>
  place.setId === ownCertificates ? sets.find(({ kind }) => kind === 'certificates')?.id : place.setId
