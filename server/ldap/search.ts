import { mayKnow, mayRead, openView } from './access.ts'
import { writeEntry } from './answer.ts'
import { type Dn, dnKey, parseDn } from './dn.ts'
import type { Entry } from './entry.ts'
import { everything, prepare, type Test, truth } from './evaluate.ts'
import type { Call, Work } from './operations.ts'
import { select } from './select.ts'
import { rootDse, subschema } from './special.ts'
import { subschemaDn } from './subschema.ts'
import type { Tree } from './tree.ts'
import { type Who, whoIs } from './who.ts'
import { atEnd, Malformed, readBoolean, readConstructed, readInteger, readText, tag } from './wire/ber.ts'
import { type Filter, FilterTooLarge, readFilter } from './wire/filter.ts'
import { type Result, resultCode } from './wire/result.ts'

const scopes = ['base', 'one', 'sub', 'children'] as const
type Scope = (typeof scopes)[number]

type Request = {
  base: string
  scope: Scope
  sizeLimit: number
  timeLimitSeconds: number
  typesOnly: boolean
  filter: Filter
  attributes: string[]
}

/** A filter of this many parts is more than any anonymous client needs; Samba asks for hundreds of names at once. */
const maxFilterNodes = { anonymous: 256, bound: 4096 }

/** The buffer goes to the socket when it holds this much. */
const fullBytes = 64 * 1024

/** RFC 4511 section 4.5. */
export function search(call: Call): Result | Work {
  const { message, session, services } = call
  const { tree } = services.directory
  const request = readSearch(message.body, session.accountId === undefined)
  if ('code' in request) return request
  const dn = parseDn(request.base)
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The base of the search is not a DN.' }
  const found = named(tree, dn, whoIs(session, tree), request.scope)
  if ('code' in found) return found
  return startSearch(call, tree, found.entry, found.who, request)
}

function readSearch(body: Call['message']['body'], isAnonymous: boolean): Request | Result {
  const base = readText(body)
  const scope = scopes[readInteger(body, tag.enumerated)]
  if (!scope) throw new Malformed('a scope of an unknown kind')
  const derefAliases = readInteger(body, tag.enumerated)
  // There are no aliases here, so that all four ways of following them are the same.
  if (derefAliases < 0 || derefAliases > 3) throw new Malformed('derefAliases of an unknown kind')
  const sizeLimit = readInteger(body)
  const timeLimitSeconds = readInteger(body)
  if (sizeLimit < 0 || timeLimitSeconds < 0) throw new Malformed('a negative limit')
  const typesOnly = readBoolean(body)
  let filter: Filter
  try {
    filter = readFilter(body, isAnonymous ? maxFilterNodes.anonymous : maxFilterNodes.bound)
  } catch (error) {
    if (error instanceof FilterTooLarge) return { code: resultCode.adminLimitExceeded, message: error.message }
    throw error
  }
  const list = readConstructed(body, tag.sequence)
  const attributes: string[] = []
  while (!atEnd(list)) attributes.push(readText(list))
  return { base, scope, sizeLimit, timeLimitSeconds, typesOnly, filter, attributes }
}

/** The entry that a request names, if the one who asks may know of it; and with whose eyes it is read. */
export function named(tree: Tree, dn: Dn, who: Who, scope: Scope = 'base'): { entry: Entry; who: Who } | Result {
  if (scope === 'base') {
    if (dn.length === 0) return { entry: rootDse(tree), who: { view: openView, self: undefined } }
    if (dn.length === 1 && dnKey(dn) === subschemaDn.toLowerCase()) {
      return { entry: subschema(tree), who: { view: openView, self: undefined } }
    }
  }
  if (who.view.entries === 'none') {
    // Not success with nothing in it: clients then take the account for missing, or go on without having signed in.
    return { code: resultCode.insufficientAccessRights, message: 'Bind first: nothing here is for anonymous clients.' }
  }
  const { entry, above } = tree.resolve(dn)
  if (entry && mayKnow(who.view, who.self, entry)) return { entry, who }
  const matched = entry ? entry.parent : above
  const isKnown = matched && mayKnow(who.view, who.self, matched)
  return { code: resultCode.noSuchObject, matchedDn: isKnown ? tree.dnOf(matched) : '' }
}

function startSearch(call: Call, tree: Tree, base: Entry, who: Who, request: Request): Work {
  const { message, output } = call
  const { scope, typesOnly } = request
  const { view, self } = who
  const test = prepare(request.filter, tree, view)
  const selection = select(tree, view, request.attributes)
  const seconds = Math.min(request.timeLimitSeconds || view.maxSeconds, view.maxSeconds)
  const endAt = performance.now() + seconds * 1000
  const maxEntries = Math.min(request.sizeLimit || Number.POSITIVE_INFINITY, view.maxEntries)
  const among = candidatesOf(base, scope, test)
  let position = 0
  let sent = 0

  function next(deadline: number): Result | undefined {
    const stopAt = Math.min(deadline, endAt)
    while (position < among.length) {
      const entry = among[position++]!
      // The clock is read only now and then; it costs more than most entries do.
      if ((position & 15) === 0 && performance.now() > stopAt) {
        position--
        return performance.now() > endAt ? { code: resultCode.timeLimitExceeded } : undefined
      }
      if (!isInScope(entry, base, scope) || !mayRead(view, self, entry)) continue
      if (test !== everything && test.evaluate(entry) !== truth.true) continue
      if (sent >= maxEntries) return { code: resultCode.sizeLimitExceeded }
      sent++
      writeEntry(output, message.id, tree, entry, selection, typesOnly)
      if (output.length >= fullBytes && position < among.length) return undefined
    }
    return { code: resultCode.success }
  }

  return { next }
}

/** The entries to look at, as they are now: a search over several turns is not disturbed by what changes in between. */
function candidatesOf(base: Entry, scope: Scope, test: Test): readonly Entry[] {
  if (scope === 'base') return [base]
  const { candidates } = test
  if (!candidates) return entriesBelow(base, scope)
  const { lists } = candidates
  if (lists.length === 1) return [...lists[0]!]
  const all = new Set<Entry>()
  for (const list of lists) for (const entry of list) all.add(entry)
  return [...all]
}

/** Parents before children, as clients that copy a tree expect. */
function entriesBelow(base: Entry, scope: Scope): Entry[] {
  const found: Entry[] = scope === 'sub' ? [base] : []
  const visit = (container: Entry): void => {
    for (const entry of container.children?.values() ?? []) {
      found.push(entry)
      if (entry.children && scope !== 'one') visit(entry)
    }
  }
  visit(base)
  return found
}

function isInScope(entry: Entry, base: Entry, scope: Scope): boolean {
  // Gone while the search was under way.
  if (entry.place < 0 && entry !== base) return false
  switch (scope) {
    case 'base':
      return entry === base
    case 'one':
      return entry.parent === base
    case 'sub':
      return entry === base || isBelow(entry, base)
    case 'children':
      return isBelow(entry, base)
  }
}

function isBelow(entry: Entry, base: Entry): boolean {
  for (let above = entry.parent; above; above = above.parent) if (above === base) return true
  return false
}
