import { mayKnow, openView } from './access.ts'
import { writeEntry } from './answer.ts'
import { isFulfilled } from './assertion.ts'
import { listViewResponse, readListView } from './controls/list-view.ts'
import { pageResponse, readPage } from './controls/paged.ts'
import { readSortKeys, sortResponse } from './controls/sort.ts'
import { controlOf } from './controls/value.ts'
import { type Dn, dnKey } from './dn.ts'
import type { Entry } from './entry.ts'
import { type Finder, find, type Scope, scopes, tooLate } from './find.ts'
import { later } from './later.ts'
import { missAttribute, missedBy } from './lens.ts'
import { lookThrough } from './list-view.ts'
import { type Name, readName } from './name.ts'
import type { Call, Work } from './operations.ts'
import { newPagedSearch, pageOf, putAside, takeUp } from './paged.ts'
import { type Selection, select } from './select.ts'
import { inOrder, type Order, orderOf, sortFound } from './sorted.ts'
import { rootDse, subschema } from './special.ts'
import { subschemaDn } from './subschema.ts'
import { startSync } from './sync.ts'
import type { Tree } from './tree.ts'
import { type Who, whoIs, whyNothing } from './who.ts'
import { atEnd, Malformed, readBoolean, readConstructed, readInteger, readText, tag } from './wire/ber.ts'
import { type Control, controlOid } from './wire/controls.ts'
import { type Filter, FilterTooLarge, readFilter } from './wire/filter.ts'
import { recalling } from './wire/recall.ts'
import { type Result, resultCode } from './wire/result.ts'

export type SearchRequest = {
  base: Name
  scope: Scope
  sizeLimit: number
  timeLimitSeconds: number
  typesOnly: boolean
  filter: Filter
  attributes: readonly string[]
}

/** The buffer goes to the socket when it holds this much. */
const fullBytes = 64 * 1024

/** RFC 4511 section 4.5. */
export function search(call: Call): Result | Work | Promise<Work> {
  const { message, session, services } = call
  const { controls } = message
  const { tree } = services.directory
  const start = message.body.at
  const request = readSearch(call)
  if ('code' in request) return request
  const { text, dn } = request.base
  if (!dn) return { code: resultCode.invalidDNSyntax, message: 'The base of the search is not a DN.' }
  const found = named(call, tree, dn, request.scope)
  if ('code' in found) {
    if (found.code === resultCode.noSuchObject) missedBy(services.lens, session)?.('base', text)
    return found
  }
  if (controls.length === 0) return startSearch(call, tree, found, request)
  if (!isFulfilled(call, tree, found.entry, found.who)) return { code: resultCode.assertionFailed }
  const sync = controlOf(controls, controlOid.syncRequest)
  if (sync) return startSync(call, tree, found, request, sync)
  const { bytes, end } = message.body
  return startControlled(call, tree, found, request, bytes.toString('latin1', start, end))
}

function readSearch({ message: { body }, session, services }: Call): SearchRequest | Result {
  const base = readName(body)
  const scope = scopes[readInteger(body, tag.enumerated)]
  if (!scope) throw new Malformed('a scope of an unknown kind')
  const derefAliases = readInteger(body, tag.enumerated)
  // There are no aliases here, so that all four ways of following them are the same.
  if (derefAliases < 0 || derefAliases > 3) throw new Malformed('derefAliases of an unknown kind')
  const sizeLimit = readInteger(body)
  const timeLimitSeconds = readInteger(body)
  if (sizeLimit < 0 || timeLimitSeconds < 0) throw new Malformed('a negative limit')
  const typesOnly = readBoolean(body)
  const { filterParts, filterDepth } = services.limits
  const most = session.accountId === undefined && !session.isMachine ? filterParts.anonymous : filterParts.bound
  let filter: Filter
  try {
    filter = readFilter(body, most, filterDepth)
  } catch (error) {
    if (!(error instanceof FilterTooLarge)) throw error
    missedBy(services.lens, session)?.('limit', error.message)
    return { code: resultCode.adminLimitExceeded, message: error.message }
  }
  const attributes = readAttributes(readConstructed(body, tag.sequence))
  if (!attributes) return { code: resultCode.adminLimitExceeded, message: `More than ${mostAttributes} attributes.` }
  return { base, scope, sizeLimit, timeLimitSeconds, typesOnly, filter, attributes }
}

const mostAttributes = 20_000

/** Each once; undefined: too many. */
const readAttributes = recalling((list): readonly string[] | undefined => {
  const attributes = new Set<string>()
  while (!atEnd(list) && attributes.size <= mostAttributes) attributes.add(readText(list))
  return attributes.size > mostAttributes ? undefined : [...attributes]
})

export type Named = { entry: Entry; who: Who }

/** The entry that a request names, if the one who asks may know of it; and with whose eyes it is read. */
export function named(
  call: Call,
  tree: Tree,
  dn: Dn,
  scope: Scope = 'base',
  who = whoIs(call.session, tree),
): Named | Result {
  if (scope === 'base') {
    if (dn.length === 0) return { entry: rootDse(tree, call), who: { view: openView, self: undefined } }
    if (dn.length === 1 && dnKey(dn) === subschemaDn.toLowerCase()) {
      return { entry: subschema(tree), who: { view: openView, self: undefined } }
    }
  }
  if (who.view.entries === 'none') {
    // Not success with nothing in it: clients then take the account for missing, or go on without having signed in.
    return { code: resultCode.insufficientAccessRights, message: whyNothing(who) }
  }
  const found = lookUp(tree, who, dn)
  return 'code' in found ? found : { entry: found, who }
}

/** The entry that a DN names. Whoever may not know of one is answered as if it were not there. */
export function lookUp(tree: Tree, who: Who, dn: Dn): Entry | Result {
  const { entry, above } = tree.resolve(dn)
  if (entry && isKnown(who, entry)) return entry
  let matched = entry ? entry.parent : above
  while (matched && !isKnown(who, matched)) matched = matched.parent
  return { code: resultCode.noSuchObject, matchedDn: matched ? tree.dnOf(matched) : '' }
}

export const isKnown = ({ view, self, others }: Who, entry: Entry): boolean =>
  mayKnow(view, self, entry) || (others !== undefined && mayKnow(others, self, entry))

/** Which attributes an entry is shown with: for people, their own differs from that of others. */
export function selectionFor(
  call: Call,
  tree: Tree,
  who: Who,
  attributes: readonly string[],
): (entry: Entry) => Selection {
  const missed = missedBy(call.services.lens, call.session)
  const mine = select(tree, who.view, attributes, missed)
  if (!who.others) return () => mine
  const theirs = select(tree, who.others, attributes)
  return (entry) => (entry === who.self ? mine : theirs)
}

/** What the role of the client and the node allow. */
function mostFor({ services: { limits } }: Call, { view, others = view }: Who) {
  return {
    entries: Math.min(others.maxEntries, limits.maxEntries),
    seconds: Math.min(others.maxSeconds, limits.maxSeconds),
  }
}

/** The least of that and of what is asked for. */
function limitsOf(call: Call, who: Who, { sizeLimit, timeLimitSeconds }: SearchRequest) {
  const { entries, seconds } = mostFor(call, who)
  return {
    endAt: performance.now() + Math.min(timeLimitSeconds || seconds, seconds) * 1000,
    maxEntries: Math.min(sizeLimit || entries, entries),
  }
}

/** A bound that the client has set itself is nothing that it did not get. */
function missLimit(call: Call, who: Who, unit: 'entries' | 'seconds', asked: number): void {
  const most = mostFor(call, who)[unit]
  if (asked === 0 || asked > most)
    missedBy(call.services.lens, call.session)?.('limit', `a search of more than ${most} ${unit}`)
}

function startSearch(call: Call, tree: Tree, { entry, who }: Named, request: SearchRequest): Work {
  const { endAt, maxEntries } = limitsOf(call, who, request)
  const query = { base: entry, scope: request.scope, filter: request.filter }
  const finder = find(tree, who, query, endAt, missedBy(call.services.lens, call.session))
  return tell(call, tree, who, finder, request, maxEntries, () => done)
}

const done = { code: resultCode.success }

/** Sends what is found; `closing` gives the result when all of it went well, and the controls of any other. */
function tell(
  call: Call,
  tree: Tree,
  who: Who,
  finder: Finder,
  { attributes, typesOnly, sizeLimit, timeLimitSeconds }: SearchRequest,
  maxEntries: number,
  closing: () => Pick<Result, 'code' | 'controls'>,
): Work {
  const { message, output } = call
  const selection = selectionFor(call, tree, who, attributes)
  const listOf = tree.members.lister()
  let sent = 0
  // An entry with a list that is still being made.
  let held: Entry | undefined
  const end = (code: Result['code']): Result => {
    const last = closing()
    return code === resultCode.success ? last : { ...last, code }
  }
  return {
    next(deadline) {
      for (;;) {
        const found = held ?? finder.next(deadline)
        if (found === undefined) return end(resultCode.success)
        if (found === later) return undefined
        if (found === tooLate) {
          missLimit(call, who, 'seconds', timeLimitSeconds)
          return end(resultCode.timeLimitExceeded)
        }
        if (sent >= maxEntries) {
          missLimit(call, who, 'entries', sizeLimit)
          return end(resultCode.sizeLimitExceeded)
        }
        const shown = selection(found)
        const members = shown.wantsMembers ? listOf(found, deadline) : undefined
        if (members === later) {
          held = found
          return undefined
        }
        held = undefined
        sent++
        writeEntry(output, message.id, tree, found, shown, members, typesOnly)
        if (output.length >= fullBytes) return undefined
      }
    },
  }
}

/** A search in pages, in order, or through a window: what the controls ask for wraps the finder of a plain one. */
function startControlled(call: Call, tree: Tree, found: Named, request: SearchRequest, asked: string): Result | Work {
  const { message, session } = call
  const { controls } = message
  const { entry, who } = found
  const { endAt, maxEntries } = limitsOf(call, who, request)
  const query = { base: entry, scope: request.scope, filter: request.filter }
  const missed = missedBy(call.services.lens, session)
  const search = (): Finder => find(tree, who, query, endAt, missed)

  const sort = controlOf(controls, controlOid.sort)
  const eyes = who.others ?? who.view
  const keys = sort && readSortKeys(sort)
  for (const { attribute } of keys ?? []) missAttribute(missed, tree.schema, eyes, attribute)
  const order = keys && orderOf(tree, eyes, keys)
  const sorted = order && sortResponse('code' in order ? order.code : resultCode.success, sortFault(order))
  if (sort?.isCritical && order && 'code' in order)
    return {
      code: resultCode.unavailableCriticalExtension,
      message: `Not sorted by ${order.attribute}.`,
      controls: [sorted!],
    }
  const told = sorted ? [sorted] : []
  const ordered = order && 'keys' in order ? order : undefined
  const sorting = (by: Order) => sortFound(tree, search(), by, endAt)
  const finder = (): Finder => (ordered ? inOrder(sorting(ordered)) : search())

  const window = controlOf(controls, controlOid.listView)
  if (window) {
    const view = readListView(window)
    if (!ordered) {
      const controls = [...told, listViewResponse(0, 0, resultCode.sortControlMissing)]
      return { code: resultCode.sortControlMissing, message: 'A list view needs a sort.', controls }
    }
    if (controlOf(controls, controlOid.paged))
      return { code: resultCode.unwillingToPerform, message: 'Either pages or a list view, not both.' }
    const inThisOrder = `${asked}${sort!.value!.toString('latin1')}`
    const shown = lookThrough(session, tree, view, inThisOrder, who, ordered, () => sorting(ordered))
    return tell(call, tree, who, shown.finder, request, maxEntries, () => {
      const { position, count, code, context } = shown.answer()
      return { code, controls: [...told, listViewResponse(position, count, code, context)] }
    })
  }

  const paged = controlOf(controls, controlOid.paged)
  // A page that may hold all that is asked for at the most is no page (RFC 2696 section 3).
  if (paged && !(request.sizeLimit > 0 && readPage(paged).size >= request.sizeLimit && readPage(paged).cookie === ''))
    return startPage(call, tree, who, paged, finder, request, asked, told)
  return tell(call, tree, who, finder(), request, maxEntries, () => ({ ...done, controls: told }))
}

const sortFault = (order: ReturnType<typeof orderOf>): string | undefined =>
  'code' in order ? order.attribute : undefined

function startPage(
  call: Call,
  tree: Tree,
  who: Who,
  control: Control,
  finder: () => Finder,
  request: SearchRequest,
  asked: string,
  told: Buffer[],
): Result | Work {
  const { session } = call
  const { size, cookie } = readPage(control)
  const kept = cookie === '' ? newPagedSearch(finder(), asked, who) : takeUp(session, cookie, asked, who)
  if (!kept) return { code: resultCode.unwillingToPerform, message: 'This paged search is not known: begin it anew.' }
  // A page of nothing gives a search up.
  if (size === 0) return { ...done, controls: [...told, pageResponse(0, '')] }
  const { maxEntries } = limitsOf(call, who, request)
  const page = pageOf(kept, Math.min(size, maxEntries))
  const counted: Finder = {
    next(deadline) {
      const found = page.next(deadline)
      if (found !== undefined && typeof found !== 'symbol') kept.sent++
      return found
    },
  }
  return tell(call, tree, who, counted, request, maxEntries - kept.sent, () => ({
    ...done,
    controls: [...told, pageResponse(0, kept.ahead ? putAside(session, kept) : '')],
  }))
}
