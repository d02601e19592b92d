import type { View } from './access.ts'
import type { AttributeType } from './attribute-types.ts'
import { assertedKey, type Rule } from './matching.ts'
import type { Tree } from './tree.ts'
import { never, type Test, toTruth } from './truth.ts'
import { readableSlots, someValueOf, textOf } from './values.ts'
import type { Filter } from './wire/filter.ts'

export function substrings(type: AttributeType, filter: Filter & { kind: 'substrings' }, tree: Tree, view: View): Test {
  const rule = type.substrings
  if (!rule) return never
  const fold = (piece: Buffer, edge?: 'start' | 'end'): string | undefined => {
    const text = textOf(piece)
    return text === undefined ? undefined : foldPiece(rule, text, edge)
  }
  const initial = filter.initial && fold(filter.initial, 'start')
  const final = filter.final && fold(filter.final, 'end')
  const any = filter.any.map((piece) => fold(piece))
  if ((filter.initial && initial === undefined) || (filter.final && final === undefined)) return never
  if (any.includes(undefined)) return never
  const slots = readableSlots(type, tree, view)
  const passes = (found: string): boolean => {
    const value = rule.key(found)
    return value !== undefined && hasPieces(value, initial ?? '', any as string[], final ?? '')
  }
  return { evaluate: (entry) => toTruth(someValueOf(tree, entry, slots, passes)) }
}

/** White space means nothing at the ends of the whole value; at those of a piece it is inside (RFC 4518 section 2.6.1). */
function foldPiece(rule: Rule, piece: string, edge: 'start' | 'end' | undefined): string | undefined {
  const key = assertedKey(rule, piece)
  if (key === undefined || rule.syntax === 'telephoneNumber') return key
  if (key === '') return edge === 'end' ? '' : ' '
  const before = edge !== 'start' && /^\s/.test(piece) ? ' ' : ''
  const after = edge !== 'end' && /\s$/.test(piece) ? ' ' : ''
  return `${before}${key}${after}`
}

/** Pieces in order, none overlapping. */
function hasPieces(value: string, initial: string, any: readonly string[], final: string): boolean {
  if (!value.startsWith(initial)) return false
  let at = initial.length
  for (const piece of any) {
    const found = value.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return value.length - at >= final.length && value.endsWith(final)
}
