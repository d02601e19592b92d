import { mayRead } from './access.ts'
import { writeEntry } from './answer.ts'
import { doneControl, idSet, readSyncRequest, refreshDone, stateControls } from './controls/sync.ts'
import { type Csn, cookieOf, csnOf, parseCookie, parseCsn } from './csn.ts'
import type { Entry } from './entry.ts'
import { prepare } from './evaluate.ts'
import { entriesBelow, isInScope } from './find.ts'
import { later } from './later.ts'
import { type Missed, missedBy } from './lens.ts'
import type { Call, Watch, Work } from './operations.ts'
import { type Named, type SearchRequest, selectionFor } from './search.ts'
import type { News, Tree } from './tree.ts'
import { everything, truth } from './truth.ts'
import { isSameWho, type Who, whoIs } from './who.ts'
import { integerTlv, tag, tlv } from './wire/ber.ts'
import { type Control, controlOid } from './wire/controls.ts'
import { type Result, resultCode } from './wire/result.ts'

/** The feed, as far as a consumer needs it beside the directory. */
export type SyncFeed = {
  position: () => Csn & { horizon: number }
  /** Ids of objects that were removed, or lost their entry, after a change of the feed. */
  goneSince: (seq: number) => Promise<string[]>
}

/** From where a consumer goes on. `present`: what is gone since then is not known, or not all of it. */
type Start = { phase: 'full' } | { phase: 'delta' | 'present'; seq: number }

const fullBytes = 64 * 1024
const idsAtOnce = 200
const stride = 32

/**
 * Tells a consumer what has changed since its cookie, and then, where it wants that, everything that changes (RFC 4533).
 * A cookie of another epoch begins with everything; so does none.
 */
export function startSync(
  call: Call,
  tree: Tree,
  found: Named,
  request: SearchRequest,
  control: Control,
): Result | Work | Promise<Work> {
  const { feed } = call.services
  if (!feed) return { code: resultCode.unwillingToPerform, message: 'Nobody can replicate from this directory.' }
  const besides = call.message.controls.find(({ oid, isCritical }) => isCritical && ofLists.has(oid))
  if (besides) {
    const message = `Control ${besides.oid} means nothing where a copy is kept.`
    return { code: resultCode.unavailableCriticalExtension, message }
  }
  const { isPersistent, cookie } = readSyncRequest(control)
  if (isPersistent && isCrowded(call))
    return { code: resultCode.busy, message: 'Too many searches stay open to tell of changes: close one.' }
  const { rid, csn } = cookie ? parseCookie(cookie) : { rid: '000', csn: '' }
  const position = feed.position()
  const start = startOf(csn, position, tree.lastSeq(), found)
  // Taken before anything is read: what changes from here on is told again rather than not at all.
  const reached = cookieOf(csnOf(position, tree.lastSeq()), rid)
  const view = viewOf(call, tree, found, request)
  const news = isPersistent ? collectNews(call, tree) : undefined
  const eyes = whoIs(call.session, tree)
  const begin = (gone: string[]): Work => refresh(call, tree, view, start, gone, { reached, rid, news, eyes })
  if (start.phase !== 'delta') return begin([])
  return feed.goneSince(start.seq).then(begin, (error) => {
    news?.end()
    throw error
  })
}

/** A consumer takes everything, in whatever order. */
const ofLists: ReadonlySet<string> = new Set([controlOid.paged, controlOid.sort, controlOid.listView])

const mostOfConnection = 4

const isCrowded = ({ session, services: { directory, limits } }: Call): boolean =>
  session.watching >= mostOfConnection || directory.followers >= limits.maxSyncs

function startOf(csn: string, position: ReturnType<SyncFeed['position']>, lastSeq: number, found: Named): Start {
  const { entry: base, who } = found
  const seq = parseCsn(csn, position)
  if (seq === undefined || seq > lastSeq) return { phase: 'full' }
  // The ids of what has changed are for those who see all of it; and they must have seen it when the cookie was given.
  if (who.view.entries !== 'all' || (who.self && who.self.seq > seq)) return { phase: 'full' }
  // What had the name of a base before is not below it now, and would not be told as gone.
  return { phase: seq < position.horizon || !base.children ? 'present' : 'delta', seq }
}

type View = ReturnType<typeof viewOf>

/** What the consumer sees: which entries are in its content, and how one is written. */
function viewOf(call: Call, tree: Tree, { entry: base, who }: Named, request: SearchRequest) {
  const { scope, filter, attributes, sizeLimit, timeLimitSeconds } = request
  const { message, output } = call
  const prepared = (missed?: Missed) => ({
    version: tree.schema.version(),
    seq: tree.lastSeq(),
    mine: prepare(filter, tree, who.view, missed),
    others: who.others && prepare(filter, tree, who.others),
    selection: selectionFor(call, tree, who, attributes),
  })
  const listOf = tree.members.lister()
  let kept = prepared(missedBy(call.services.lens, call.session))
  /** A search that stays open sees extensions come and go, and what its filter names. */
  const now = (): typeof kept => {
    if (kept.seq !== tree.lastSeq() || kept.version !== tree.schema.version()) kept = prepared()
    return kept
  }
  return {
    entries: scope === 'base' ? [base] : entriesBelow(base, scope),
    // Both are for the refresh: what changes afterwards is told without end.
    maxEntries: Math.min(sizeLimit || Number.POSITIVE_INFINITY, (who.others ?? who.view).maxEntries),
    endAt: timeLimitSeconds === 0 ? Number.POSITIVE_INFINITY : performance.now() + timeLimitSeconds * 1000,
    /** Whether what the search begins at is still what is called so. */
    isThere: (): boolean => base.parent === undefined || tree.resolve(request.base.dn!).entry === base,
    has(entry: Entry): boolean {
      if (entry.place < 0 || !isInScope(entry, base, scope)) return false
      const isOthers = who.others !== undefined && entry !== who.self
      const test = isOthers ? now().others! : now().mine
      if (!mayRead(isOthers ? who.others! : who.view, who.self, entry)) return false
      return test === everything || test.evaluate(entry) === truth.true
    },
    /** False: it has a list that is still being made; the same again in the next turn. */
    write(entry: Entry, state: 'add' | 'modify', deadline: number, cookie?: Buffer): boolean {
      const shown = now().selection(entry)
      const members = shown.wantsMembers ? listOf(entry, deadline) : undefined
      if (members === later) return false
      const controls = stateControls(state, uuidOf(tree, entry), cookie)
      writeEntry(output, message.id, tree, entry, shown, members, request.typesOnly, controls)
      return true
    },
    writeGone({ id, dn }: { id: string; dn: string }, cookie?: Buffer): void {
      const body = tlv(0x64, tlv(tag.octetString, dn), tlv(tag.sequence))
      output.append(tlv(tag.sequence, integerTlv(message.id), body, stateControls('delete', id, cookie)))
    },
  }
}

/** Units of the tree are no objects of the feed; their UUID stands in the entry only. */
const uuidOf = (tree: Tree, entry: Entry): string => entry.id || tree.uuidOf(entry)

type Collected = {
  entries: Set<Entry>
  gone: { id: string; dn: string }[]
  /** The directory was built anew: what was told of it may not fit together any more. */
  isReloaded: boolean
  wake: () => void
  end: () => void
}

function collectNews({ services, session }: Call, tree: Tree): Collected {
  const collected: Collected = { entries: new Set(), gone: [], isReloaded: false, wake: () => {}, end: () => {} }
  session.watching++
  const stop = services.directory.follow((news: News | undefined) => {
    if (!news || services.directory.tree !== tree) collected.isReloaded = true
    for (const { id, dn } of news?.gone ?? []) collected.gone.push({ id, dn })
    for (const entry of news?.entries ?? []) collected.entries.add(entry)
    collected.wake()
  })
  collected.end = () => {
    if (stop()) session.watching--
  }
  return collected
}

type Session = { reached: Buffer; rid: string; news: Collected | undefined; eyes: Who }

function refresh(call: Call, tree: Tree, view: View, start: Start, gone: string[], session: Session): Work {
  const { message, output } = call
  const { reached, news } = session
  const known = new Set<string>()
  const left = gone.filter((id) => tree.entryById(id) === undefined)
  const same: string[] = []
  let position = 0
  let sent = 0
  let isFull = false

  const isChanged = (entry: Entry): boolean => start.phase === 'full' || tree.versions.of(entry) > start.seq

  /** False when it is not told yet. */
  function tell(entry: Entry, deadline: number): boolean {
    const isIn = view.has(entry)
    const id = uuidOf(tree, entry)
    if (isIn) known.add(id)
    if (!isChanged(entry)) {
      if (isIn && start.phase === 'present') same.push(id)
    } else if (isIn) {
      if (sent >= view.maxEntries) isFull = true
      else if (!view.write(entry, 'add', deadline)) return false
      sent++
    } else if (start.phase === 'delta') left.push(id)
    return true
  }

  function tellIds(ids: string[], areGone: boolean, all: boolean): void {
    while (ids.length >= idsAtOnce || (all && ids.length > 0))
      output.append(idSet(message.id, ids.splice(0, idsAtOnce), areGone))
  }

  function stopped(code: Result['code']): Result {
    news?.end()
    return { code }
  }

  return {
    end: () => news?.end(),
    next(deadline) {
      while (position < view.entries.length) {
        const entry = view.entries[position]!
        if (entry.place >= 0 && !tell(entry, deadline)) return undefined
        position++
        tellIds(same, false, false)
        if (isFull) return stopped(resultCode.sizeLimitExceeded)
        if (output.length >= fullBytes) return undefined
        if (position % stride !== 0) continue
        const now = performance.now()
        if (now > view.endAt) return stopped(resultCode.timeLimitExceeded)
        if (now > deadline) return undefined
      }
      tellIds(same, false, true)
      tellIds(left, true, true)
      const refreshDeletes = start.phase === 'delta'
      if (!news) return { code: resultCode.success, controls: [doneControl(reached, refreshDeletes)] }
      output.append(refreshDone(message.id, reached, refreshDeletes))
      return { watch: watch(call, tree, view, known, session as Session & { news: Collected }) }
    },
  }
}

type Told = { entry: Entry; state: 'add' | 'modify' }

/** Goes on telling what changes, as fast as the consumer takes it; what changes twice meanwhile is told once. */
function watch(
  call: Call,
  tree: Tree,
  view: View,
  known: Set<string>,
  { news, rid, reached, eyes }: Session & { news: Collected },
): Watch {
  const { output, services } = call
  let lastCsn = parseCookie(reached).csn
  // An entry with a list that is still being made.
  let held: Told | undefined

  function next(deadline: number): 'more' | Result | undefined {
    if (news.isReloaded)
      return { code: resultCode.syncRefreshRequired, message: 'Begin again with the cookie you have.' }
    // Nothing more is told to who was removed, or sees something else by now.
    if (!isSameWho(whoIs(call.session, tree), eyes))
      return { code: resultCode.syncRefreshRequired, message: 'Begin again: what you may see is not what it was.' }
    let written = 0
    for (;;) {
      const one = held && view.has(held.entry) ? held : take()
      held = undefined
      if (!one && !view.isThere())
        return { code: resultCode.syncRefreshRequired, message: 'Begin again: the base is not what it was.' }
      if (!one) return undefined
      const isLast = news.gone.length + news.entries.size === 0
      const csn = isLast ? further() : undefined
      const cookie = csn === undefined ? undefined : cookieOf(csn, rid)
      if ('dn' in one) view.writeGone(one, cookie)
      else if (!view.write(one.entry, one.state, deadline, cookie)) {
        held = one
        return 'more'
      }
      lastCsn = csn ?? lastCsn
      if (output.length >= fullBytes || (++written % stride === 0 && performance.now() > deadline)) return 'more'
    }
  }

  /** For a cookie that leads further than the last one: OpenLDAP passes over an entry whose cookie it has already. */
  function further(): string | undefined {
    const csn = csnOf(services.feed!.position(), tree.lastSeq())
    return csn <= lastCsn ? undefined : csn
  }

  /** The next thing to tell; what is gone first, for something new may have its name. */
  function take(): { id: string; dn: string } | Told | undefined {
    for (let gone = news.gone.shift(); gone; gone = news.gone.shift()) if (known.delete(gone.id)) return gone
    for (const entry of news.entries) {
      news.entries.delete(entry)
      const id = uuidOf(tree, entry)
      const wasIn = known.has(id)
      if (view.has(entry)) {
        known.add(id)
        return { entry, state: wasIn ? 'modify' : 'add' }
      }
      if (known.delete(id)) return { id, dn: tree.dnOf(entry) }
    }
    return undefined
  }

  return {
    next,
    onNews(wake) {
      news.wake = wake
    },
    end: () => news.end(),
  }
}
