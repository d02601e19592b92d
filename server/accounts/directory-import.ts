import { Invalid } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { maxRows } from './csv-file.ts'
import { answerMs, connected, connectMs, type DirectoryGiven } from './directory-connection.ts'
import { rootOf, search } from './directory-search.ts'
import { type Entry, tableOfEntries } from './entries.ts'
import { clearPasswordOf, hashOf } from './entry-person.ts'
import { canonicalName, isReservedUser } from './names.ts'
import type { Table } from './table.ts'

export type DirectoryLook = {
  kind: string
  base: string
  /** The first people, as they stand there. */
  people: { dn: string; username: string; name: string; mail: string; hasHash: boolean }[]
  /** The first of many: more are there. */
  more: boolean
  groups: number
  moreGroups: boolean
}

const readMs = 15 * 60_000
/** All of it is in memory until it is imported. */
const mostLetters = 256 * 1024 * 1024
const shown = 20

const people =
  '(|(objectClass=person)(objectClass=inetOrgPerson)(objectClass=nsPerson)(objectClass=posixAccount)(objectClass=sambaSamAccount)(objectClass=account))'
const groups =
  '(|(objectClass=posixGroup)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=groupOfMembers)(objectClass=group))'

/** Connects, signs in, and looks what is there: a few people, how many groups. Throws Invalid with what to mend. */
export const lookAtDirectory = (given: DirectoryGiven): Promise<DirectoryLook> =>
  connected(given, connectMs + 2 * answerMs, async (client) => {
    const root = await rootOf(client)
    const base = given.base.trim() || root.bases[0] || ''
    if (base === '')
      throw new Invalid({ base: 'The directory does not say what it holds. Type its base, as in dc=example,dc=com.' })
    const some: Entry[] = []
    // Computers are no people, and what the system keeps for itself does not come along.
    const isShown = (name: string) => !name.endsWith('$') && !isReservedUser(canonicalName(name))
    for await (const entry of search(client, base, people, root.pages, 10 * shown)) {
      if (isShown(entry.attributes.get('uid')?.[0] ?? '') && some.push(entry) > shown) break
    }
    let found = 0
    for await (const _ of search(client, base, groups, root.pages, 2001, ['cn'])) found++
    const isClearOs = some.some((entry) =>
      entry.attributes.get('objectclass')?.some((name) => /^clearaccount$/i.test(name)),
    )
    return {
      kind: isClearOs ? 'ClearOS' : root.kind,
      base,
      people: some.slice(0, shown).map(personShown),
      more: some.length > shown,
      groups: Math.min(found, 2000),
      moreGroups: found > 2000,
    }
  })

function personShown(entry: Entry): DirectoryLook['people'][number] {
  const { dn, attributes: has } = entry
  const one = (name: string) => has.get(name)?.[0] ?? ''
  return {
    dn,
    username: one('uid') || one('samaccountname'),
    name: one('cn') || `${one('givenname')} ${one('sn')}`.trim(),
    mail: one('mail'),
    hasHash: hasPassword(entry),
  }
}

const hasPassword = (entry: Entry): boolean => (hashOf(entry) ?? clearPasswordOf(entry)) !== undefined

/** Everyone and every group of a directory, as a table to import. `told` hears how many entries have come. */
export async function readDirectory(
  db: Db,
  given: DirectoryGiven,
  told: (entries: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Table> {
  const found = await connected(given, readMs, async (client) => {
    const root = await rootOf(client)
    const base = given.base.trim() || root.bases[0] || ''
    const entries: Entry[] = []
    let letters = 0
    for await (const entry of search(client, base, `(|${people}${groups})`, root.pages, maxRows * 2)) {
      signal?.throwIfAborted()
      for (const values of entry.attributes.values()) for (const value of values) letters += value.length
      if (letters > mostLetters)
        throw new Invalid({
          base: 'It holds more than 256 MB of text, more than is read at once. Type a base for a part.',
        })
      entries.push({ ...entry, line: entries.length + 1 })
      if (entries.length % 100 === 0) told(entries.length)
    }
    told(entries.length)
    return entries
  })
  const hashes = found.some(hasPassword)
  return tableOfEntries(
    db,
    found,
    'entry',
    hashes ? [] : ['No password hash can be read there: people need a new password, or a bind DN that may read them.'],
  )
}
