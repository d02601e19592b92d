import { setImmediate as others } from 'node:timers/promises'
import type { Db } from '../store/db.ts'
import { allIds, idsWithValues } from '../store/extension-values.ts'
import { objectsByIds } from '../store/objects.ts'
import { needExtension } from './extensions.ts'

/** A value that the rules of now would refuse, or one that is needed and not there. */
export type Misfit = {
  username: string
  first: string
  last: string
  /** The label of the field. */
  field: string
  value: string
  problem: string
}

/**
 * Rules may become stricter while people have values: those stay until somebody changes them, and are found here. Looks at
 * everybody, in slices; the first `most` are told.
 */
export async function misfits(db: Db, called: string, most = 100): Promise<{ people: number; rows: Misfit[] }> {
  const { name, user } = await needExtension(db, called)
  const fields = Object.entries(user)
  const isForAll = fields.some(([, field]) => field.required)
  const rows: Misfit[] = []
  let people = 0
  for await (const ids of isForAll ? allIds(db.reader, 'users') : idsWithValues(db.reader, name)) {
    for (const { body } of (await objectsByIds(db.reader, 'user', ids)).values()) {
      const { username, first, last } = body
      const found = fields.flatMap(([key, field]): Misfit[] => {
        const kept = body.extensions[name]?.[key]
        const value = kept === undefined ? '' : field.format(kept)
        const judged = field.parse(value)
        return 'problem' in judged
          ? [{ username, first, last, field: field.label, value, problem: judged.problem }]
          : []
      })
      if (found.length > 0) people++
      if (people <= most) rows.push(...found)
    }
    await others()
  }
  return { people, rows: rows.sort((a, b) => a.last.localeCompare(b.last) || a.first.localeCompare(b.first)) }
}
