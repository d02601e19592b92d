import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KeptEntry } from '../samba/kept.ts'
import type { Changed, KeptBody, NtHashBody } from '../store/bodies.ts'
import { describeClient } from './entries/client.ts'
import { describeGroup, describePlugin } from './entries/group.ts'
import { describeUser } from './entries/user.ts'
import { describeKept, describeMachine } from './entries/windows.ts'
import { pluginKey } from './members.ts'
import { createTree, type News, type Tree } from './tree.ts'

/** What LDAP answers from: every entry in memory, kept up to date from the feed. */
export type Directory = {
  /** Takes in what a commit changed. Searches of the same tick see it. */
  apply: (changes: readonly Changed[]) => void
  /**
   * Builds a fresh state from everything there is, a slice at a time, and puts it in place of the old one when it is whole.
   * Changes that are applied meanwhile are in both.
   */
  load: (chunks: AsyncIterable<readonly Changed[]>) => Promise<void>
  /** How objects are read once more, by id: for entries that a later declaration, or the clock, has made say something else. */
  reread: (ids: readonly string[]) => Promise<readonly Changed[]>
  /**
   * Tells what each commit changes, in its tick; undefined: so much, or a new state altogether. Returns how to stop, which
   * is false when it was stopped already.
   */
  follow: (tell: (news: News | undefined) => void) => () => boolean
  readonly followers: number
  /** Opens what is sealed in the store, as far as this node may. */
  open: Openers
  /** How a change is numbered for those who replicate (RFC 4533); '' while nobody can. */
  csnOf: (seq: number) => string
  /** Told of objects whose entries the clock has changed, so that it may be noted for everybody. */
  onTurned: (ids: string[]) => void
  readonly size: number
  /** The state to answer from. A search that goes on over several ticks keeps the one it began with. */
  readonly tree: Tree
}

export type Openers = {
  hash: (id: string, body: NtHashBody) => string | undefined
  kept: (id: string, body: KeptBody) => KeptEntry
  /** Whether a Device ID is this node's. */
  isHere: (deviceId: string) => boolean
}

/** How long objects are put in before other work gets a turn. */
const sliceMs = 8
/** Objects that are read again at once. */
const batch = 200
/** Objects between two looks at the clock. */
const stride = 20

export function createDirectory(): Directory {
  const csnOf: Directory['csnOf'] = (seq) => directory.csnOf(seq)
  let tree = createTree(csnOf)
  // Changes during a load, to be repeated on the state that is being built.
  let meanwhile: Changed[] | undefined
  let isTidying = false
  let isDescribing = false
  let alarm: { at: number; timer: NodeJS.Timeout } | undefined
  const followers = new Set<(news: News | undefined) => void>()

  function tellTurned(): void {
    if (tree.turned.size === 0) return
    const ids = [...tree.turned]
    tree.turned.clear()
    directory.onTurned(ids)
  }

  function tellNews(): void {
    const { news } = tree
    tree.news = followers.size > 0 ? { entries: new Set(), gone: [] } : undefined
    if (news && news.entries.size + news.gone.length > 0) for (const tell of followers) tell(news)
  }

  function apply(changes: readonly Changed[]): void {
    applyTo(tree, directory.open, changes)
    tellNews()
    meanwhile?.push(...changes)
    if (tree.arena.isWasteful() && !isTidying) void tidy(tree)
    if (tree.stale.size > 0) void describeAgain(tree)
    setAlarm()
  }

  async function load(chunks: AsyncIterable<readonly Changed[]>): Promise<void> {
    if (meanwhile) throw new Error('the directory is being loaded already')
    meanwhile = []
    try {
      const fresh = createTree(csnOf)
      for await (const chunk of chunks) {
        await applyInSlices(fresh, chunk)
        await nextTurn()
      }
      // While one slice of late changes is applied, more may come; in the end none are left within a tick.
      for (let late = meanwhile; late.length > 0 || fresh.stale.size > 0; late = meanwhile) {
        meanwhile = []
        await applyInSlices(fresh, late)
        await readAgain(fresh)
      }
      tree = fresh
      setAlarm()
      for (const tell of followers) tell(undefined)
      tellNews()
      tellTurned()
    } finally {
      meanwhile = undefined
    }
  }

  async function describeAgain(target: Tree): Promise<void> {
    if (isDescribing) return
    isDescribing = true
    try {
      await readAgain(target)
    } finally {
      isDescribing = false
    }
    setAlarm()
    tellTurned()
    if (tree.stale.size > 0) void describeAgain(tree)
  }

  async function readAgain(target: Tree): Promise<void> {
    while (target.stale.size > 0) {
      const ids: string[] = []
      for (const id of target.stale) {
        target.stale.delete(id)
        if (ids.push(id) >= batch) break
      }
      await applyInSlices(target, await directory.reread(ids), true)
      await nextTurn()
    }
  }

  /** Wakes when the first account begins or ends. A timer goes no further than 24 days: then it is set again. */
  function setAlarm(): void {
    const at = tree.moments.next()
    if (alarm?.at === at) return
    clearTimeout(alarm?.timer)
    alarm = undefined
    if (at === Number.POSITIVE_INFINITY) return
    const timer = setTimeout(ring, Math.min(Math.max(0, at - Date.now()), 2 ** 31 - 1))
    timer.unref()
    alarm = { at, timer }
  }

  function ring(): void {
    alarm = undefined
    for (const id of tree.moments.takeDue(Date.now())) tree.stale.add(id)
    if (tree.stale.size > 0) void describeAgain(tree)
    setAlarm()
  }

  async function applyInSlices(target: Tree, changes: readonly Changed[], again = false): Promise<void> {
    let turnEnds = performance.now() + sliceMs
    for (let at = 0; at < changes.length; at += stride) {
      applyTo(target, directory.open, changes.slice(at, at + stride), again)
      if (target === tree) tellNews()
      if (performance.now() < turnEnds) continue
      await nextTurn()
      turnEnds = performance.now() + sliceMs
    }
  }

  /** Entries that were changed often leave holes behind; moving what is left lets whole slabs go. */
  async function tidy(target: Tree): Promise<void> {
    isTidying = true
    let count = 0
    for (const entry of target.entries()) {
      if (entry.place >= 0) target.arena.tidy(entry)
      if (++count % 2000 === 0) await nextTurn()
    }
    isTidying = false
  }

  const directory: Directory = {
    apply,
    load,
    reread: async () => [],
    open: { hash: () => undefined, kept: (_, body) => body, isHere: () => true },
    csnOf: () => '',
    onTurned: () => {},
    follow(tell) {
      followers.add(tell)
      tellNews()
      return () => followers.delete(tell)
    },
    get followers() {
      return followers.size
    },
    get size() {
      return tree.size()
    },
    get tree() {
      return tree
    },
  }
  return directory
}

/**
 * One change after the other, in any order of kinds: what refers to something that is not there yet finds it later. `again`:
 * what is known already is described anew, and what is gone meanwhile stays away.
 */
function applyTo(tree: Tree, open: Openers, changes: readonly Changed[], again = false): void {
  for (const change of changes) {
    const key = keyOf(change)
    const known = tree.seqOf(key)
    if (again ? known === undefined || known > change.seq : known !== undefined && known >= change.seq) continue
    applyOne(tree, open, change)
    tree.setSeq(key, change.seq, change.body !== undefined)
  }
}

/** What is said of an object under its own id goes beside it: each has a seq, or the older of the two would never be read again. */
const keyOf = ({ kind, id }: Changed): string => (kind === 'revision' || kind === 'nt-hash' ? `${kind} ${id}` : id)

function applyOne(tree: Tree, open: Openers, change: Changed): void {
  const { id, seq } = change
  const { windows } = tree
  const domain = windows.domain()
  switch (change.kind) {
    case 'user':
      if (change.body)
        tree.put(id, 'users', describeUser(tree.schema, id, change.body, domain, windows.hashOf(id)), seq)
      else tree.remove(id, seq)
      return
    case 'group':
      if (change.body) tree.put(id, 'groups', describeGroup(tree.schema, id, change.body, domain), seq)
      else tree.remove(id, seq)
      return
    case 'client':
      if (change.body) tree.put(id, 'internal', describeClient(id, change.body, open.isHere), seq)
      else tree.remove(id, seq)
      return
    case 'plugin':
      if (change.body?.on) tree.put(id, 'groups', describePlugin(id, change.body, tree.since()), seq)
      else tree.remove(id, seq)
      if (change.body) tree.setNameless(pluginKey(change.body.name), seq)
      return
    case 'removed':
      if (change.body?.kind === 'group') tree.setNameless(id, seq)
      return
    case 'revision':
      tree.setRevision(id, change.body, seq)
      return
    case 'extension':
      tree.setExtension(id, change.body, seq)
      return
    case 'domain':
      if (change.body) tree.setBase(id, change.body.baseDomain, change.body.added, seq)
      return
    case 'settings':
      tree.publish(change.body?.publishedFields ?? [])
      return
    case 'windows':
      if (windows.setDomain(id, change.body)) tree.windowsChanged(seq)
      if (change.body) tree.putDomain(seq)
      else tree.remove(id, seq)
      return
    case 'policy':
      windows.setPolicy(id, change.body)
      tree.putDomain(seq)
      return
    case 'machine':
      if (change.body) tree.put(id, 'computers', describeMachine(id, change.body, domain, windows.hashOf(id)), seq)
      else tree.remove(id, seq)
      return
    case 'nt-hash':
      tree.setHash(id, change.body && open.hash(id, change.body))
      return
    case 'kept':
      putKept(tree, id, change.body && open.kept(id, change.body), seq)
      return
    case 'numbers':
    case 'profile':
    case 'token':
    case 'device':
      return
  }
}

function putKept(tree: Tree, id: string, body: KeptEntry | undefined, seq: number): void {
  if (body?.below === 'base' || tree.windows.setInUnit(id, undefined)) {
    tree.windows.setInUnit(id, body)
    tree.unitChanged()
  } else if (body) tree.put(id, body.below, describeKept(id, body), seq)
  else tree.remove(id, seq)
}
