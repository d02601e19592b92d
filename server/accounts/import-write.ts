import { Invalid, NotFound } from '../errors.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import { groupNamesByIds } from '../store/groups.ts'
import { type Move, objectsByIds } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'
import { dropBad } from './import-check.ts'
import { refusal, resultOf } from './import-result.ts'
import type { Import, Ready, RowResult } from './import-rows.ts'
import { policies } from './policies.ts'
import type { User } from './user.ts'
import type { UserInput } from './user-input.ts'
import type { ListedUser } from './user-lists.ts'
import { changeOne, insertUser, needUser } from './users.ts'

/** Writes rows that were checked, in one transaction. */
export async function writeRows(all: Import, ready: Ready[], results: Map<number, RowResult>): Promise<void> {
  if (ready.length === 0) return
  const after = new Map<Ready, User>()
  // An administrator may be the last one, which is known only after the change: such a row has a transaction of its own.
  const alone = ready.filter(({ before }) => before?.role === 'administrator')
  const shared = ready.filter((row) => !alone.includes(row))
  const of = await policies(all.db)
  const passwordOf = ({ hash }: Ready) => (hash === undefined ? undefined : { hash, of })
  await write(all.db, all.actor, async (real) => {
    const { change, release } = holdBack(real)
    const objects = await objectsByIds(
      change.trx,
      'user',
      shared.flatMap(({ before }) => before?.id ?? []),
    )
    after.clear()
    for (const row of shared)
      await orRefuse(all, row, results, async (typed) => {
        const was = row.before && objects.get(row.before.id)
        if (row.before && !was) throw new NotFound('This person does not exist any more.')
        const user = was
          ? await changeOne(change, all.declared, was, typed, passwordOf(row))
          : await insertUser(change, all.declared, { username: '', first: '', last: '', ...typed }, row.hash)
        after.set(row, user)
      })
    await release()
  })
  for (const row of alone)
    await orRefuse(all, row, results, async (typed) => {
      const user = await write(all.db, all.actor, async (change) =>
        changeOne(change, all.declared, await needUser(change, row.before?.id ?? ''), typed, passwordOf(row)),
      )
      after.set(row, user)
    })
  const named = await withGroupNames(all.db, [...after.values()])
  const byId = new Map(named.map((user) => [user.id, user]))
  for (const [row, user] of after) {
    results.set(row.line, resultOf(all, row, byId.get(user.id) as ListedUser))
    if (row.made) all.passwords.push([user.username, row.made])
  }
}

/**
 * The same change, with what is put kept back and moved at once: a few statements, not a few for each person. Rows of one
 * import never stand on each other: who has a name twice was refused before.
 */
function holdBack(change: Change): { change: Change; release: () => Promise<void> } {
  const moves = new Map<string, Move>()
  const put: Change['put'] = async (kind, id, body) =>
    void moves.set(`${kind}/${id}`, { kind, id, body: canonical(body), value: body })
  return { change: { ...change, put }, release: () => change.move([...moves.values()]) }
}

/** Does it; a problem refuses the row, and with `lenient` only the value. */
async function orRefuse(
  all: Import,
  row: Ready,
  results: Map<number, RowResult>,
  run: (typed: Partial<UserInput>) => Promise<void>,
): Promise<void> {
  try {
    await run(row.typed)
  } catch (error) {
    if (error instanceof NotFound) {
      results.set(row.line, refusal(all, row, { username: error.message }))
      return
    }
    if (!(error instanceof Invalid)) throw error
    if (all.lenient && dropBad(all, row.typed, error.problems)) return orRefuse(all, row, results, run)
    results.set(row.line, refusal(all, row, error.problems))
  }
}

/** People with the names of their groups. */
export async function withGroupNames<T extends User>(db: Db, users: T[]): Promise<(T & { groupNames: string[] })[]> {
  const names = await groupNamesByIds(
    db.reader,
    users.flatMap(({ groups }) => groups),
  )
  return users.map((user) => ({ ...user, groupNames: user.groups.flatMap((id) => names.get(id) ?? []).sort() }))
}
