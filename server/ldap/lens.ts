import type { MissKind } from '../accounts/client-misses.ts'
import { sees, type View } from './access.ts'
import type { Schema } from './schema.ts'
import type { Session } from './who.ts'
import type { Filter } from './wire/filter.ts'

export type Missed = (kind: MissKind, what: string) => void

/** Keeps what clients do, by the id of their object. */
export type Lens = {
  used: (id: string, address: string) => void
  /** True when it is seen for the first time. */
  missed: (id: string, kind: MissKind, what: string) => boolean
}

const longest = 200

/** For one who is bound as a client; people and anonymous ones are not looked at. */
export function missedBy(lens: Lens | undefined, session: Session): Missed | undefined {
  const { accountId, isClient } = session
  if (!lens || !isClient || accountId === undefined) return undefined
  return (kind, what) => void lens.missed(accountId, kind, what.slice(0, longest))
}

/** Why these eyes do not get an attribute; one that only extensions bring that are off is nowhere. */
export function whyMissing(schema: Schema, view: View, name: string): 'unknown' | 'hidden' | undefined {
  const type = schema.attributeByName(name)
  if (!type || !schema.isTypeShown(type)) return 'unknown'
  return sees(view, type) ? undefined : 'hidden'
}

/** Tells of an attribute that was named, where it is missing. */
export function missAttribute(missed: Missed | undefined, schema: Schema, view: View, name: string): void {
  const why = missed && whyMissing(schema, view, name)
  if (why) missed?.(`${why} attribute`, name)
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
