import type { Session } from './who.ts'
import type { Filter } from './wire/filter.ts'

/** What a client asked for and did not get. The names are what an administrator reads on the page of the client. */
export type MissKind =
  /** Nothing here has an attribute of this name. */
  | 'unknown attribute'
  /** There is one, and this client may not see it. */
  | 'hidden attribute'
  /** A search that had to look at every entry; its shape, without the values. */
  | 'filter without index'
  | 'control'
  | 'operation'
  /** A search whose base does not exist, or is not to be seen. */
  | 'base'
  | 'limit'

export type Missed = (kind: MissKind, what: string) => void

/** Keeps what clients do, by the id of their object. */
export type Lens = {
  used: (id: string, address: string) => void
  missed: (id: string, kind: MissKind, what: string) => void
}

const longest = 200

/** For one who is bound as a client; people and anonymous ones are not looked at. */
export function missedBy(lens: Lens | undefined, session: Session): Missed | undefined {
  const { accountId, isClient } = session
  if (!lens || !isClient || accountId === undefined) return undefined
  return (kind, what) => lens.missed(accountId, kind, what.slice(0, longest))
}

const signs = { equal: '=', atLeast: '>=', atMost: '<=', approximate: '~=' } as const

/** A filter as text with `…` where values stood: two that differ in values only are one. */
export function shapeOf(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const shapes = [...new Set(filter.filters.map(shapeOf))]
      return `(${filter.kind === 'and' ? '&' : '|'}${shapes.join('')})`
    }
    case 'not':
      return `(!${shapeOf(filter.filter)})`
    case 'present':
      return `(${filter.attribute}=*)`
    case 'substrings': {
      const pieces = [filter.initial ? '…' : '', ...filter.any.map(() => '…'), filter.final ? '…' : '']
      return `(${filter.attribute}=${pieces.join('*')})`
    }
    case 'extensible': {
      const { attribute = '', rule, withDnAttributes } = filter
      return `(${attribute}${withDnAttributes ? ':dn' : ''}${rule ? `:${rule}` : ''}:=…)`
    }
    default:
      return `(${filter.attribute}${signs[filter.kind]}…)`
  }
}
