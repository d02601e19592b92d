import { randomBytes } from 'node:crypto'
import type { ListView } from './controls/list-view.ts'
import { type Entry, isGone } from './entry.ts'
import type { Finder } from './find.ts'
import { type Order, placeOf, type Sorting } from './sorted.ts'
import type { Tree } from './tree.ts'
import { isSameWho, type Session, type Who } from './who.ts'
import { type ResultCode, resultCode } from './wire/result.ts'

/** A sorted list that a client looks at through a window: it scrolls, and the list is not sorted again each time. */
export type SortedView = { entries: Entry[]; asked: string; who: Who; madeAt: number }

export type Window = {
  finder: Finder
  answer: () => { position: number; count: number; code: ResultCode; context?: string }
}

const mostLists = 4
/** So long a list is shown as it was; then it is sorted again. */
const freshMs = 60_000

/** The window that a client asks for, over a list that is kept for its next request. */
export function lookThrough(
  session: Session,
  tree: Tree,
  view: ListView,
  asked: string,
  who: Who,
  order: Order,
  sorting: () => Sorting,
): Window {
  let list = keptList(session, view.context, asked, who)
  const under = list ? undefined : sorting()
  let range: { at: number; end: number; position: number } | undefined
  let context = view.context

  const finder: Finder = {
    next(deadline) {
      if (!list) {
        const entries = under!.next(deadline)
        if (typeof entries === 'symbol') return entries
        list = { entries, asked, who, madeAt: performance.now() }
        context = keep(session, list)
      }
      range ??= rangeOf(tree, view, list.entries, order)
      if (!range) return undefined
      while (range.at < range.end && isGone(list.entries[range.at]!)) range.at++
      return range.at < range.end ? list.entries[range.at++] : undefined
    },
  }
  return {
    finder,
    answer: () => ({
      position: range?.position ?? 0,
      count: list?.entries.length ?? 0,
      code: range ? resultCode.success : resultCode.offsetRangeError,
      ...(context !== undefined && { context }),
    }),
  }
}

function keptList(session: Session, context: string | undefined, asked: string, who: Who): SortedView | undefined {
  const list = context === undefined ? undefined : session.lists.get(context)
  const isSame = list?.asked === asked && isSameWho(list.who, who)
  return isSame && performance.now() - list.madeAt < freshMs ? list : undefined
}

function keep(session: Session, list: SortedView): string {
  const context = randomBytes(12).toString('latin1')
  for (const old of session.lists.keys()) {
    if (session.lists.size < mostLists) break
    session.lists.delete(old)
    session.shelf.take(old)
  }
  session.lists.set(context, list)
  session.shelf.put(session.lists, context, list.entries.length)
  return context
}

/** Undefined: there is no such place. */
function rangeOf(tree: Tree, { before, after, target }: ListView, entries: readonly Entry[], order: Order) {
  const count = entries.length
  const place =
    'value' in target ? placeOf(tree, entries, order, target.value.toString('utf8')) + 1 : placed(target, count)
  if (place === undefined) return undefined
  return { at: Math.max(0, place - 1 - before), end: Math.min(count, place + after), position: place }
}

/**
 * A client that takes the list for longer or shorter means the place in proportion; one that knows no count (0) means it as it
 * says. Places count from 1, and the last one is named by an offset that is the count.
 */
function placed({ offset, count: believed }: { offset: number; count: number }, count: number): number | undefined {
  if (offset < 0 || believed < 0) return undefined
  if (count === 0) return 0
  if (offset === believed) return count
  if (offset <= 1) return 1
  if (offset > (believed || count)) return undefined
  return believed === 0 ? offset : Math.max(1, Math.floor((count * offset) / believed))
}
