import { setImmediate as others } from 'node:timers/promises'
import { namesMatching, type UsersQuery, usersPage } from '../accounts/user-lists.ts'
import { userById } from '../accounts/users.ts'
import type { Db } from '../store/db.ts'
import { fold } from '../store/users.ts'

/** A name that is nearly what was searched in vain, and how many people it finds; undefined: none comes close. */
export async function nearHit(db: Db, query: UsersQuery): Promise<{ search: string; people: number } | undefined> {
  const word = fold(query.search ?? '').trim()
  if (word.length < 3 || /\s/.test(word)) return undefined
  const most = word.length < 6 ? 1 : 2
  let best: { id: string; name: string; steps: number } | undefined
  for (const piece of pieces(word)) {
    // One at a time, and others in between: everybody is gone through for each.
    await others()
    for (const { id, names } of await namesMatching(db, { ...query, search: piece, page: 1, size: 100 }))
      for (const name of names) {
        const steps = stepsBetween(word, name, most)
        if (steps <= most && steps < (best?.steps ?? most + 1)) best = { id, name, steps }
      }
    if (best) break
  }
  const user = best && (await userById(db, best.id))
  if (!best || !user) return undefined
  // As the person writes it, with its accents.
  const written = namesOf(user).find((name) => fold(name) === best.name) ?? best.name
  const search = written.toLocaleLowerCase('en')
  return { search, people: (await usersPage(db, { ...query, search, page: 1, size: 1 })).total }
}

const namesOf = ({ first, last, username }: { first: string; last: string; username: string }): string[] => [
  ...last.split(/\s+/),
  ...first.split(/\s+/),
  username,
]

/** Parts of a word that a slip of the keys has probably left whole. */
function pieces(word: string): string[] {
  const half = Math.ceil(word.length / 2)
  return [...new Set([word.slice(0, half + 1), word.slice(-half), word.slice(0, 2)])]
}

/** How many letters were left out, put in, mistaken or swapped between two words; more than `most` is not counted out. */
function stepsBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const differs = a[i - 1] === b[j - 1] ? 0 : 1
      let steps = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + differs)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        steps = Math.min(steps, at(before, j - 2) + 1)
      row.push(steps)
    }
    ;[before, last] = [last, row]
  }
  return at(last, b.length)
}

const at = (row: number[], index: number): number => row[index] ?? 0
