import type { Knex } from 'knex'
import type { GroupBody, KeptBody, MachineBody, UserBody } from './bodies.ts'
import type { Projected } from './project.ts'
import { inSlices, insertRows } from './slices.ts'

// What computers and Samba's own entries hold apart from all others. Whoever puts one asks `ownerOf` first, in the same transaction.

export const machineKey = (name: string): string => `machine:${name.toLowerCase()}`
export const uidKey = (uidNumber: number): string => `uid:${uidNumber}`
export const ridKey = (rid: number): string => `rid:${rid}`
export const sidKey = (sid: string): string => `sid:${sid.toUpperCase()}`
export const keptKey = ({ below, rdn }: Pick<KeptBody, 'below' | 'rdn'>): string => `kept:${below}:${rdn.toLowerCase()}`

const ofRid = (rid: number | undefined): string[] => (rid === undefined ? [] : [ridKey(rid)])

const ofMachine = ({ name, uidNumber, rid }: MachineBody): string[] => [
  machineKey(name),
  uidKey(uidNumber),
  ...ofRid(rid),
]

const ofKept = (body: KeptBody): string[] => [
  keptKey(body),
  // What only maps a SID to a number says of others.
  ...(body.below === 'groups' ? (body.values.sambaSID ?? []).map(sidKey) : []),
]

function keysOf({ kind }: Projected, body: object | undefined): string[] {
  if (!body) return []
  if (kind === 'machine') return ofMachine(body as MachineBody)
  if (kind === 'kept') return ofKept(body as KeptBody)
  if (kind === 'user' || kind === 'group') return ofRid((body as UserBody | GroupBody).windows?.rid)
  return []
}

/** Everything is freed before anything is taken: two may swap. */
export async function projectTaken(trx: Knex, changes: readonly Projected[]): Promise<void> {
  const gone: string[] = []
  const come: { key: string; owner: string }[] = []
  for (const change of changes) {
    const [before, after] = [keysOf(change, change.was), keysOf(change, change.now)]
    for (const key of before) if (!after.includes(key)) gone.push(key)
    for (const key of after) if (!before.includes(key)) come.push({ key, owner: change.id })
  }
  await inSlices(gone, (slice) => trx('taken').whereIn('key', slice).delete())
  await insertRows(trx, 'taken', come, ['key'])
}

/** The id of the object that holds this. */
export async function ownerOf(trx: Knex, key: string): Promise<string | undefined> {
  const row: { owner: string } | undefined = await trx('taken').where({ key }).first('owner')
  return row?.owner
}

export const isAnyTaken = async (trx: Knex, keys: readonly string[]): Promise<boolean> =>
  (await trx('taken').whereIn('key', keys).first('owner')) !== undefined
