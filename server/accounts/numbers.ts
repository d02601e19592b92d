import type { NumbersBody } from '../store/bodies.ts'
import { objectsOf } from '../store/objects.ts'
import type { Change } from '../store/write.ts'

/** Users and computers count from 2000, groups from 60000; allusers is 63000 and skipped. */
export const firstNumbers: NumbersBody = { uidNumber: 2000, gidNumber: 60000 }
export const allUsersNumber = 63000
/** Above this, numbers belong to allusers and groups. */
const lastUid = 59_999

/** Takes the next number inside the transaction. It is never given again, whatever becomes of its owner. */
export async function takeNumber(change: Change, of: keyof NumbersBody): Promise<number> {
  const numbers = read.get(change) ?? (await objectsOf(change.trx, 'numbers'))[0]
  if (!numbers) throw new Error('The counters are missing from the store.')
  const taken = numbers.body[of]
  const next = { id: numbers.id, body: { ...numbers.body, [of]: after(of, taken) } }
  read.set(change, next)
  await change.put('numbers', next.id, next.body)
  return taken
}

/** Read once in a change: one that adds many people takes many. */
const read = new WeakMap<Change, { id: string; body: NumbersBody }>()

function after(of: keyof NumbersBody, taken: number): number {
  const next = taken + 1
  if (of === 'gidNumber' && next === allUsersNumber) return next + 1
  // 60000-69999 are groups' and fixed numbers; people go on far above every range that Debian and the ancestor use.
  if (of === 'uidNumber' && next === lastUid + 1) return 200_000
  return next
}
