import { type AttributeType, attribute, standardTypes } from './attribute-types.ts'
import type { Account, Entry } from './entry.ts'

/** Shown to nobody, and Undefined in every filter and compare, so that nobody can guess at them either. */
const secrets = ['userPassword']

/** As good as a password: for Samba alone, where nobody can read along (who.ts). */
const forSamba = [
  'sambaNTPassword',
  'sambaLMPassword',
  'sambaPasswordHistory',
  'sambaClearTextPassword',
  'sambaPreviousClearTextPassword',
]

const toFindPeopleBy = ['objectClass', 'uid', 'cn', 'mail', 'entryUUID', 'entryDN', 'structuralObjectClass', 'ou', 'dc']

/** What people see of each other beside the fields that the settings publish. */
const alwaysPublished = [...toFindPeopleBy.filter((name) => name !== 'mail'), 'sn', 'givenName', 'displayName']

export type ViewName = 'anonymous' | Account['view']

type Rules = {
  entries: 'none' | 'own' | 'users' | 'all'
  attributes: 'all' | readonly string[]
  /** Entries one search may return at most. */
  maxEntries: number
  maxSeconds: number
}

/**
 * Who sees what. The root DSE and the schema are open to everyone, because clients read them before they bind.
 * Containers may be searched from by everyone who is bound, and are themselves shown to those who see `users` or `all`.
 */
const table: Record<ViewName, Rules> = {
  anonymous: { entries: 'none', attributes: [], maxEntries: 0, maxSeconds: 5 },
  person: { entries: 'own', attributes: 'all', maxEntries: 100, maxSeconds: 10 },
  auth: { entries: 'users', attributes: toFindPeopleBy, maxEntries: 500, maxSeconds: 30 },
  read: { entries: 'all', attributes: 'all', maxEntries: Number.POSITIVE_INFINITY, maxSeconds: 300 },
  samba: { entries: 'all', attributes: 'all', maxEntries: Number.POSITIVE_INFINITY, maxSeconds: 300 },
  administrator: { entries: 'all', attributes: 'all', maxEntries: Number.POSITIVE_INFINITY, maxSeconds: 300 },
}

export type View = Rules & {
  name: ViewName | 'published'
  /** 1 for each standard attribute type, by number, that may be read, filtered by and compared. */
  types: Uint8Array
  /** Types that extensions bring and that may be read although not all may. */
  extra?: ReadonlySet<AttributeType>
}

export const views = Object.fromEntries(
  Object.entries(table).map(([name, rules]) => [name, createView(name as ViewName, rules)]),
) as Record<ViewName, View>

function createView(name: ViewName, rules: Rules): View {
  const types = new Uint8Array(standardTypes.length)
  if (rules.attributes === 'all') types.fill(1)
  else for (const each of rules.attributes) types[attribute(each).number] = 1
  for (const secret of secrets) types[attribute(secret).number] = 0
  if (name !== 'samba') for (const secret of forSamba) types[attribute(secret).number] = 0
  return { name, ...rules, types }
}

/** Whether this view may read, filter by and compare an attribute. What an extension brings is open to who sees all. */
export const sees = (view: View, type: AttributeType): boolean =>
  type.number < 0 ? view.attributes === 'all' || view.extra?.has(type) === true : view.types[type.number] === 1

/** With what eyes people see each other: their names, and what the settings publish. */
export function publishedView(types: readonly AttributeType[]): View {
  const standard = types.filter((type) => type.number >= 0).map((type) => type.names[0]!)
  const view = createView('person', {
    entries: 'users',
    attributes: [...alwaysPublished, ...standard],
    maxEntries: 500,
    maxSeconds: 30,
  })
  return { ...view, name: 'published', extra: new Set(types) }
}

/** What the root DSE and the schema are read with, by anybody. */
export const openView: View = createView('anonymous', {
  ...table.anonymous,
  entries: 'all',
  attributes: 'all',
  maxEntries: 1,
})

/** May be returned. */
export function mayRead(view: View, self: Entry | undefined, entry: Entry): boolean {
  switch (view.entries) {
    case 'all':
      return true
    case 'users':
      return entry.children !== undefined || entry.membership !== undefined
    case 'own':
      return entry === self
    case 'none':
      return false
  }
}

/** May be named as the base of a search or in a compare; other entries are as if they did not exist. */
export const mayKnow = (view: View, self: Entry | undefined, entry: Entry): boolean =>
  view.entries !== 'none' && (entry.children !== undefined || mayRead(view, self, entry))
