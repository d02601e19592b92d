import type { Problems } from '../errors.ts'
import { groupState, makeGroup } from './import-groups.ts'
import { leaveOut, nobody, refusal, resultOf } from './import-result.ts'
import type { Import, Read, Ready, RowResult } from './import-rows.ts'
import { canonicalName } from './names.ts'
import { generatedPassword, judgePassword, policyOfNew } from './policies.ts'
import { applyProfile } from './profiles.ts'
import { judgeInput, type UserInput, type UserValues } from './user-input.ts'
import type { ListedUser } from './user-lists.ts'

/** Everything that speaks against a row, while nothing is written. */
export async function checkRow(all: Import, row: Read): Promise<{ result: RowResult } | { ready: Ready }> {
  const { job } = all
  const refused = (problems: Problems) => ({ result: refusal(all, row, problems) })
  if (row.before && job.mode === 'add')
    return refused({ username: `“${row.username}” already exists; nothing was changed.` })
  if (!row.before && job.mode === 'update')
    return refused({ username: `There is no user “${row.username}”; nobody was added.` })
  const typed = typedOf(all, row)
  const groups = await checkGroups(all, typed)
  if ('problem' in groups) return refused({ groups: groups.problem })
  const isMade = all.newPasswords && !row.before && !typed.password && !typed.passwordHash
  const made = isMade ? generatedPassword(await policyOfNew(all.db, typed.groups)) : undefined
  if (made) Object.assign(typed, { mustChange: true })
  // A group that only bad rows name is not made, nor is a hash; everything else is judged where it is written.
  const isCostly = job.dryRun || groups.missing.length > 0 || typed.password !== undefined
  const probe = { ...typed, groups: typed.groups && groups.there }
  const judged = isCostly ? await judgeRow(all, row, probe) : undefined
  // What was left out stays out, and is counted once.
  if (probe.extensions) typed.extensions = probe.extensions
  if (judged && Object.keys(judged.problems).length > 0) return refused(judged.problems)
  const twice = aliasTwice(all, row, typed)
  if (twice) return refused(twice)
  for (const name of groups.missing) {
    const problem = await makeGroup(all, name)
    if (problem) return refused({ groups: problem })
  }
  if (job.dryRun) {
    const before = row.before ?? nobody
    const groupNames = typed.groups ? [...new Set(typed.groups.map(canonicalName))].sort() : before.groupNames
    const after = { ...before, ...judged?.values, groupNames } as ListedUser
    return { result: resultOf(all, { ...row, typed, hash: undefined, made }, after) }
  }
  return { ready: { ...row, typed, hash: typed.passwordHash, made } }
}

/** A row as what is typed about a person: plugins as a whole list, and for somebody new the profile beneath it. */
function typedOf(all: Import, { input, before }: Read): Partial<UserInput> {
  const { pluginsOn, pluginsOff, ...typed } = input
  const profile =
    !before && all.profile
      ? applyProfile(all.profile, {
          first: input.first ?? '',
          last: input.last ?? '',
          username: canonicalName(input.username ?? ''),
        })
      : undefined
  const plugins = new Set([...(before?.plugins ?? profile?.plugins ?? []), ...pluginsOn])
  for (const name of pluginsOff) plugins.delete(name)
  if (profile || pluginsOn.length + pluginsOff.length > 0) typed.plugins = [...plugins]
  if (!profile) return typed
  typed.groups = [...new Set([...profile.groups, ...(typed.groups ?? [])])]
  const extensions = { ...profile.extensions }
  for (const [name, values] of Object.entries(typed.extensions ?? {})) {
    const given = Object.fromEntries(Object.entries(values).filter(([, text]) => text !== ''))
    extensions[name] = { ...extensions[name], ...given }
  }
  return { ...typed, extensions }
}

async function checkGroups(
  all: Import,
  typed: Partial<UserInput>,
): Promise<{ problem: string } | { there: string[]; missing: string[] }> {
  const there: string[] = []
  const missing: string[] = []
  for (const name of typed.groups ?? []) {
    const state = await groupState(all, name)
    if (typeof state === 'object' && !all.lenient) return { problem: `${name}: ${state.problem}` }
    if (typeof state === 'object') {
      leaveOut(all, 'groups')
      typed.groups = typed.groups?.filter((other) => other !== name)
    } else if (state === 'there') there.push(name)
    else missing.push(name)
  }
  return { there, missing }
}

/** What an input comes to; with `lenient`, without the values that cannot be taken. */
async function judgeRow(
  all: Import,
  row: Read,
  typed: Partial<UserInput>,
): Promise<{ values: UserValues; problems: Problems }> {
  const was = row.before && { id: row.before.id, body: row.before }
  const judged = await judgeInput(all.db.reader, all.declared, typed, was as never)
  if (all.lenient && dropBad(all, typed, judged.problems)) return judgeRow(all, row, typed)
  if (typed.password) {
    const about = {
      ...row.before,
      ...judged.values,
      username: row.username,
      first: typed.first ?? '',
      last: typed.last ?? '',
    }
    const problem = await judgePassword(all.db, all.db.reader, typed.password, { groups: [], ...about } as never, {
      by: 'other',
    })
    if (problem) judged.problems.password = problem
  }
  return judged
}

/** Takes the values out that cannot be taken; false when there are none, or something else is wrong as well. */
export function dropBad(all: Import, typed: Partial<UserInput>, problems: Problems): boolean {
  const bad = Object.keys(problems).flatMap((key) => {
    const [extension = '', field = ''] = key.split('.')
    return typed.extensions?.[extension]?.[field] === undefined ? [] : [{ key, extension, field }]
  })
  if (bad.length === 0 || bad.length < Object.keys(problems).length) return false
  for (const { key, extension, field } of bad) {
    const { [field]: _, ...rest } = typed.extensions?.[extension] ?? {}
    typed.extensions = { ...typed.extensions, [extension]: rest }
    leaveOut(all, key)
  }
  return true
}

/** Aliases are one pool with usernames, also among rows that are not written yet. */
function aliasTwice(all: Import, row: Read, typed: Partial<UserInput>): Problems | undefined {
  for (const { key, isName } of all.columns) {
    if (!isName) continue
    const [extension = '', field = ''] = key.split('.')
    const parsed = all.declared.extension(extension)?.user[field]?.parse(typed.extensions?.[extension]?.[field] ?? '')
    if (!parsed || 'problem' in parsed || parsed.value === undefined) continue
    for (const name of [parsed.value].flat().map((text) => canonicalName(String(text)))) {
      const earlier = all.taken.get(name)
      if (earlier !== undefined && earlier !== row.line)
        return { [key]: `“${name}” stands already in ${all.table.unit} ${earlier}.` }
      all.taken.set(name, row.line)
    }
  }
  return undefined
}
