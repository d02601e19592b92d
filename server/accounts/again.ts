import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { GroupBody, UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { namesOf, ownerOfName } from '../store/names.ts'
import { type Change, write } from '../store/write.ts'
import { keepGroup, needOwnGroup, takeOutGroup } from './groups.ts'
import { takeNumber } from './numbers.ts'
import { needRight } from './roles.ts'
import { keptSettings } from './settings.ts'
import { keepUser } from './user.ts'
import { fullName, needUser, takeOutUser } from './users.ts'

/** A person or group as the node `from` had changed it, which this one never got; no body: removed there. */
export type Again = { kind: 'user' | 'group'; id: string; body: string | null; from: string }

/** Does that change again here. Numbers that were given to somebody else meanwhile are given anew. */
export async function applyAgain(db: Db, actor: Actor, again: Again): Promise<void> {
  needRight(actor, 'change')
  const { binDays } = await keptSettings(db)
  const until = new Date(Date.now() + binDays * 86_400_000).toISOString()
  await write(db, actor, (change) => (again.body === null ? takeOut(change, again, until) : put(change, again)))
}

async function takeOut(change: Change, { kind, id }: Again, until: string): Promise<void> {
  if (!(await change.get(kind, id))) throw new NotFound('It is gone here, too.')
  await (kind === 'user' ? takeOutUser(change, id, until) : takeOutGroup(change, id, until))
}

async function put(change: Change, { kind, id, body, from }: Again): Promise<void> {
  const isLive = (await change.get(kind, id)) !== undefined
  if (!isLive && (await change.get('removed', id)))
    throw new Refused('It is in the recycle bin here. Bring it back from there first.', 'in-bin')
  const mine = parsed(body ?? '')
  if (kind === 'user') await putUser(change, id, mine as UserBody, isLive, from)
  else await putGroup(change, id, mine as GroupBody, isLive, from)
}

function parsed(body: string): unknown {
  try {
    const value = JSON.parse(body)
    if (typeof (value?.username ?? value?.name) === 'string') return value
  } catch {
    // Said below.
  }
  throw new Invalid({ '': 'What was kept of it cannot be read.' })
}

async function putUser(change: Change, id: string, mine: UserBody, isLive: boolean, from: string): Promise<void> {
  await refuseTaken(change, id, namesOf(mine))
  const groups = await knownGroups(change, mine.groups)
  if (isLive) {
    const was = await needUser(change, id)
    const body = { ...mine, groups, uidNumber: was.body.uidNumber }
    return void (await keepUser(change, was, body, `Changed ${fullName(mine)}, as ${from} had it`))
  }
  const uidNumber = await ownNumber(change, 'uidNumber', mine.uidNumber)
  await change.put('user', id, { ...mine, groups, uidNumber, changed: new Date().toISOString() })
  change.note({
    sentence: `Added ${fullName(mine)}, as ${from} had it`,
    object: { kind: 'user', id, name: mine.username },
    changes: [{ field: 'uidNumber', after: String(uidNumber) }],
  })
}

async function putGroup(change: Change, id: string, mine: GroupBody, isLive: boolean, from: string): Promise<void> {
  await refuseTaken(change, id, namesOf(mine))
  const groups = mine.groups && (await knownGroups(change, mine.groups))
  const body = { ...mine, ...(groups && { groups }) }
  if (isLive) {
    const was = await needOwnGroup(change, id)
    const now = { ...body, gidNumber: was.body.gidNumber }
    return void (await keepGroup(change, was, now, `Changed group ${mine.name}, as ${from} had it`))
  }
  const gidNumber = await ownNumber(change, 'gidNumber', mine.gidNumber)
  await change.put('group', id, { ...body, gidNumber, changed: new Date().toISOString() })
  change.note({
    sentence: `Added group ${mine.name}, as ${from} had it`,
    object: { kind: 'group', id, name: mine.name },
    changes: [{ field: 'gidNumber', after: String(gidNumber) }],
  })
}

async function refuseTaken(change: Change, id: string, names: string[]): Promise<void> {
  for (const name of names) {
    const owner = await ownerOfName(change.trx, name)
    if (owner !== undefined && owner !== id)
      throw new Invalid({ '': `The name ${name} belongs to somebody else here by now.` })
  }
}

async function knownGroups(change: Change, ids: readonly string[] = []): Promise<string[]> {
  const found: string[] = []
  for (const id of ids) if ((await change.get('group', id)) ?? (await change.get('removed', id))) found.push(id)
  return found
}

/** The number that it had, unless that was given to somebody meanwhile. */
const ownNumber = (change: Change, of: 'uidNumber' | 'gidNumber', wanted: number): Promise<number> =>
  takeNumber(change, of, wanted).catch((error) => {
    if (!(error instanceof Invalid)) throw error
    return takeNumber(change, of)
  })
