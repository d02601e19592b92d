import { Invalid } from '../errors.ts'
import type { NumbersBody } from '../store/bodies.ts'
import { objectsOf } from '../store/objects.ts'
import { isAnyTaken, ridKey, uidKey } from '../store/taken.ts'
import type { Change } from '../store/write.ts'

/** Users and computers count from 2000, groups from 60000; allusers is 63000 and skipped. */
export const firstNumbers: NumbersBody = { uidNumber: 2000, gidNumber: 60000 }
export const allUsersNumber = 63000
/** Above this, numbers belong to allusers and groups. */
const lastUid = 59_999

/**
 * Takes the next number inside the transaction. It is never given again, whatever becomes of its owner. `wanted`: one that a
 * directory client asks for. It must lie ahead, where none was given yet, and the numbers between are never given.
 */
export async function takeNumber(change: Change, of: keyof NumbersBody, wanted?: number): Promise<number> {
  const numbers = read.get(change) ?? (await objectsOf(change.trx, 'numbers'))[0]
  if (!numbers) throw new Error('The counters are missing from the store.')
  const free =
    of === 'uidNumber' && wanted === undefined ? await unusedFrom(change, numbers.body[of]) : numbers.body[of]
  if (wanted !== undefined && !isAhead(of, wanted, free))
    throw new Invalid({ [of]: `${of} ${wanted} cannot be given: leave it out, or take one from ${free} up.` })
  const taken = wanted ?? free
  const next = { id: numbers.id, body: { ...numbers.body, [of]: after(of, taken) } }
  read.set(change, next)
  await change.put('numbers', next.id, next.body)
  return taken
}

/** Samba may have given a computer a number that lies ahead. */
async function unusedFrom(change: Change, free: number): Promise<number> {
  for (let number = free; ; number = after('uidNumber', number))
    if (!(await isNumberTaken(change.trx, number))) return number
}

/** What computers hold is counted apart: as uidNumber, or as relative identifier. */
export const isNumberTaken = (trx: Change['trx'], number: number): Promise<boolean> =>
  isAnyTaken(trx, [uidKey(number), ridKey(number)])

/** Read once in a change: one that adds many people takes many. */
const read = new WeakMap<Change, { id: string; body: NumbersBody }>()

/** How far ahead a number may be asked for: the range is not to be used up by one request. */
const mostAhead = 10_000

function isAhead(of: keyof NumbersBody, wanted: number, free: number): boolean {
  if (!Number.isSafeInteger(wanted) || wanted < free || wanted > free + mostAhead) return false
  return of === 'uidNumber' ? wanted <= lastUid || free > lastUid : wanted !== allUsersNumber
}

function after(of: keyof NumbersBody, taken: number): number {
  const next = taken + 1
  if (of === 'gidNumber' && next === allUsersNumber) return next + 1
  // 60000-69999 are groups' and fixed numbers; people go on far above every range that Debian and the ancestor use.
  if (of === 'uidNumber' && next === lastUid + 1) return 200_000
  return next
}
