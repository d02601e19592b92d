import { deviceList } from '../replication/devices.ts'
import type { Db } from '../store/db.ts'
import { type Place, places } from '../store/file-places.ts'
import { countFiles } from '../store/files-kept.ts'
import { type FileSet, fileSetByName, fileSets, isFor } from './sets.ts'
import { freshState, ownStates, type SetState, toldStates } from './states.ts'

/** How a set is on one node. */
export type SetOnNode = {
  deviceId: string
  name: string
  state: SetState['state'] | 'unknown'
  /** It holds everything up to this change. */
  seq: number
  missing: number
  bytes: number
  done: number
  edited: number
  problem?: string
  /** When it was said. */
  at?: string
}

export type SetOverview = {
  set: FileSet
  files: number
  place: Place | undefined
  own: SetState | undefined
  /** On the master: how it is on each slave that gets it, the worst first. */
  nodes: SetOnNode[]
}

export async function fileSetOverviews(db: Db): Promise<SetOverview[]> {
  const [sets, counts, all, devices] = await Promise.all([
    fileSets(db),
    countFiles(db.reader),
    places(db.reader),
    db.local.mode === 'slave' ? [] : deviceList(db),
  ])
  const placed = new Map(all.map((place) => [place.setId, place]))
  return sets.map((set) => ({
    set,
    files: counts.get(set.id) ?? 0,
    place: placed.get(set.id),
    own: ownState(db, set) ?? owedState(placed.get(set.id)),
    nodes: devices
      .filter(({ status, deviceId }) => status === 'active' && isFor(set, deviceId))
      .map(({ deviceId, name }) => nodeOf(db, set, deviceId, name))
      .sort((a, b) => rank[a.state] - rank[b.state] || (a.name < b.name ? -1 : 1)),
  }))
}

export async function fileSetOverview(db: Db, name: string): Promise<SetOverview> {
  const { id } = await fileSetByName(db, name)
  return (await fileSetOverviews(db)).find(({ set }) => set.id === id) as SetOverview
}

const rank = { trouble: 0, coming: 1, unknown: 2, 'no-place': 3, equal: 4 }

/** Certificates lie in every node without being asked for. */
const ownState = (db: Db, { id, kind }: FileSet): SetState | undefined => {
  const states = ownStates(db)
  const placed = states.get(id)
  return kind === 'certificates' && (!placed || placed.state === 'no-place') ? states.get('certificates') : placed
}

/** While nobody looks after the files, and until they were looked at first. */
const owedState = (place: Place | undefined): SetState | undefined =>
  place?.isOwed ? { ...freshState(place.setId), state: 'trouble', problem: owedWords } : undefined

const owedWords = 'The files are there, but what follows a change was not done yet.'

function nodeOf(db: Db, { id, kind }: FileSet, deviceId: string, name: string): SetOnNode {
  const told = toldStates(db).get(deviceId)
  const placed = told?.sets.find(({ set }) => set === id)
  const said =
    kind === 'certificates' && (!placed || placed.state === 'no-place')
      ? (told?.sets.find(({ set }) => set === 'certificates') ?? placed)
      : placed
  const nothing = { seq: 0, missing: 0, bytes: 0, done: 0, edited: 0 }
  if (!said) return { deviceId, name, state: 'unknown', ...nothing, ...(told && { at: told.at }) }
  const { state, seq, missing, bytes, done, edited, problem } = said
  return {
    deviceId,
    name,
    state,
    seq,
    missing,
    bytes,
    done,
    edited,
    ...(problem && { problem }),
    at: told?.at as string,
  }
}

/** How a set is on a node, in a few words. */
export function stateWords(one: Pick<SetOnNode, 'state' | 'missing' | 'bytes' | 'done' | 'problem'>): string {
  switch (one.state) {
    case 'equal':
      return 'Up to date'
    case 'coming':
      return one.missing > 0 ? `${one.missing.toLocaleString('en')} to come` : 'Looking'
    case 'trouble':
      return one.problem ?? 'Not up to date'
    case 'no-place':
      return 'No directory named on this node'
    case 'unknown':
      return 'Not heard of since this master started'
  }
}
