import { Invalid, NotFound, Refused } from '../errors.ts'
import { groupIdByName } from '../store/groups.ts'
import { userIdsByName } from '../store/users.ts'
import { some } from './csv-file.ts'
import { addMembers } from './group-members.ts'
import { addGroup, groupByName } from './groups.ts'
import { leaveOut } from './import-result.ts'
import type { Import } from './import-rows.ts'
import { canonicalName, groupNameProblem } from './names.ts'
import type { TableGroup } from './table.ts'

export type GroupState = 'there' | 'missing' | { problem: string }

/** What is known of a group that a row names; looked up once. */
export function groupState(all: Import, name: string): Promise<GroupState> {
  const known = all.groups.get(canonicalName(name))
  if (known) return known
  const state = lookUpGroup(all, name)
  all.groups.set(canonicalName(name), state)
  return state
}

async function lookUpGroup(all: Import, name: string): Promise<GroupState> {
  const canonical = canonicalName(name)
  if (await groupIdByName(all.db.reader, canonical)) return 'there'
  const problem = groupNameProblem(canonical)
  if (problem) return { problem }
  if ((await userIdsByName(all.db.reader, [canonical])).size > 0) return { problem: 'A user has this name already.' }
  return 'missing'
}

/** Made once, for the first good row that names it; the answer is why it cannot be. */
export function makeGroup(all: Import, name: string): Promise<string | undefined> {
  const canonical = canonicalName(name)
  const making = all.making.get(canonical) ?? addMissing(all, canonical)
  all.making.set(canonical, making)
  return making
}

async function addMissing(all: Import, name: string): Promise<string | undefined> {
  const found = all.table.groups?.find((group) => canonicalName(group.name) === name)
  try {
    if (!all.job.dryRun) {
      await addDescribed(all, name, found)
      all.groups.set(name, Promise.resolve('there'))
    }
    all.made.push(name)
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    // Someone else may have made it since it was looked up.
    if (!(await groupIdByName(all.db.reader, name))) return `${name}: ${error.message}`
  }
  return undefined
}

/** With what the source knows of it; values that cannot be here are left out. */
async function addDescribed(all: Import, name: string, found: TableGroup | undefined): Promise<void> {
  const input = { name, description: (found?.description ?? '').slice(0, 200) }
  const extensions = structuredClone(found?.extensions ?? {})
  try {
    await addGroup(all.db, all.actor, { ...input, extensions })
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    const bad = Object.keys(error.problems).map((key) => key.split('.'))
    if (!bad.every(([extension = '', field = '']) => extensions[extension]?.[field] !== undefined)) throw error
    for (const [extension = '', field = ''] of bad) {
      delete extensions[extension]?.[field]
      leaveOut(all, `${extension}.${field} of groups`)
    }
    await addGroup(all.db, all.actor, { ...input, extensions })
  }
}

/** Groups that a directory holds: those without people too, and which is in which. */
export async function finishGroups(all: Import): Promise<void> {
  const refused: string[] = []
  if (all.job.mode !== 'update')
    for (const { name } of all.table.groups ?? []) {
      const state = await groupState(all, name)
      if (typeof state === 'object') refused.push(`${name} (${state.problem})`)
      else if (state === 'missing') {
        const problem = await makeGroup(all, name)
        if (problem) refused.push(problem)
      }
    }
  if (!all.job.dryRun) refused.push(...(await nestGroups(all)))
  if (refused.length > 0)
    all.job.notices.push(`Groups that ${all.job.dryRun ? 'cannot be' : 'were not'} taken over: ${some(refused)}`)
}

async function nestGroups(all: Import): Promise<string[]> {
  const refused: string[] = []
  for (const { name, groups } of all.table.groups ?? [])
    for (const parent of groups) {
      try {
        const [child, above] = await Promise.all([groupByName(all.db, name), groupByName(all.db, parent)])
        if (!child.groups?.includes(above.id)) await addMembers(all.db, all.actor, above.id, { groups: [child.name] })
      } catch (error) {
        if (!(error instanceof Invalid || error instanceof NotFound || error instanceof Refused)) throw error
        refused.push(`${name} in ${parent} (${error.message})`)
      }
    }
  return refused
}
