import type { Extension } from '../extensions/extension.ts'
import { extensionFrom } from '../extensions/own.ts'
import type { ExtensionBody, RevisionBody } from '../store/bodies.ts'
import { publishedView, type View } from './access.ts'
import { type Arena, createArena } from './arena.ts'
import { encodeBlock, firstByte, firstValue, type Line, linesOf, overwriteValue, rdnLength } from './block.ts'
import { type Dn, dnKeys, escapeValue, formatDn, parseDn, rdnKey } from './dn.ts'
import { describeBase, describeUnit } from './entries/container.ts'
import { generalizedTime } from './entries/times.ts'
import { type Described, type Entry, newEntry } from './entry.ts'
import { createIndexes, type Indexes } from './indexes.ts'
import { createMembers, type Members } from './members.ts'
import { createMoments, type Moments } from './moments.ts'
import { createParts, type Parts } from './parts.ts'
import { createSchema, type Schema } from './schema.ts'
import type { Selections } from './select.ts'
import { slotOf } from './slots.ts'
import { createVersions, type Versions } from './versions.ts'
import { createWindows, type Windows } from './windows.ts'

/** Where objects stand. `base` is dc=example,dc=lan; the others are units below the one they name. */
const units = {
  accounts: { name: 'Accounts', below: 'base' },
  users: { name: 'Users', below: 'accounts' },
  groups: { name: 'Groups', below: 'accounts' },
  computers: { name: 'Computers', below: 'accounts' },
  idmap: { name: 'Idmap', below: 'base' },
  internal: { name: 'Internal', below: 'base' },
} as const

export type Unit = keyof typeof units
/** Where an object may stand: also at the base, as the Windows domain does, and below that. */
export type Place = Unit | 'base' | 'windows'

const modifySlot = slotOf('modifyTimestamp')
const uuidSlot = slotOf('entryUUID')
const hashSlot = slotOf('sambaNTPassword')

/** What one commit has changed for those who follow the directory. */
export type News = {
  /** Entries that are new, or say something else. */
  entries: Set<Entry>
  gone: { id: string; dn: string }[]
}

/** Every entry in memory, encoded and indexed. One tree is one state of the directory: a new state after a load is a new tree. */
export type Tree = {
  schema: Schema
  indexes: Indexes
  members: Members
  parts: Parts
  arena: Arena
  selections: Selections
  moments: Moments
  versions: Versions
  windows: Windows
  /** Taken down while somebody follows. */
  news: News | undefined
  csnOf: (seq: number) => string
  /** The last change of the feed that is in it. */
  lastSeq: () => number
  /** Entries that the clock has changed, and nobody has noted yet: by the id of their object. */
  turned: Set<string>
  /** Objects to be described again: what their extensions mean was learnt, or has changed, after they were. */
  stale: Set<string>
  base: () => Entry | undefined
  /** When the directory was made, ISO 8601. */
  since: () => string
  size: () => number
  entryById: (id: string) => Entry | undefined
  /** The seq of the change that an object was last written by. */
  seqOf: (id: string) => number | undefined
  setSeq: (id: string, seq: number, isThere: boolean) => void
  /** The base and the units. */
  containers: () => readonly Entry[]
  /** The entryUUID, for entries that are no objects of the feed. */
  uuidOf: (entry: Entry) => string
  /** Which unit an entry is. */
  unitOf: (entry: Entry) => Unit | undefined
  /** Entries called `uid=<key>`. */
  entriesByUid: (key: string) => Entry[]
  entries: () => Iterable<Entry>
  setBase: (id: string, domain: string, added: string, seq: number) => void
  setExtension: (id: string, body: ExtensionBody | undefined, seq: number) => void
  /** The entry of an object is another one now, although the object is not. */
  setRevision: (id: string, body: RevisionBody | undefined, seq: number) => void
  /** A group or plugin that has no entry, and its members no trace of it. */
  setNameless: (key: string, seq: number) => void
  /** Which fields people may see of each other, as `contact.mobile`. */
  publish: (fields: readonly string[]) => void
  /** The eyes with which they see them; undefined while nothing is published. */
  published: () => View | undefined
  put: (id: string, place: Place, described: Described, seq: number) => void
  /** Describes the entry of the Windows domain anew. */
  putDomain: (seq: number) => void
  /** The hash that Windows has of somebody's password: the entry says it in the same tick. */
  setHash: (id: string, hash: string | undefined) => void
  /** What all entries say of the Windows domain is another thing now. */
  windowsChanged: (seq: number) => void
  /** What Samba keeps in a unit itself has changed. */
  unitChanged: () => void
  /** Which kind of place an entry is for others: a unit, or the Windows domain. */
  placeOf: (entry: Entry) => Place | undefined
  remove: (id: string, seq: number) => void
  /** The entry a DN names; otherwise the nearest one above it that exists. */
  resolve: (dn: Dn) => { entry?: Entry; above?: Entry }
  dnOf: (entry: Entry) => string
  /** What follows the RDN in the DN of an entry, with the comma. */
  suffixOf: (entry: Entry) => Buffer
  dnKeyOf: (entry: Entry) => string
}

/** `csnOf`: as in Directory. */
export function createTree(csnOf: Tree['csnOf'] = () => ''): Tree {
  const schema = createSchema()
  const arena = createArena()
  const indexes = createIndexes(schema.slots)
  const parts = createParts(schema)
  const moments = createMoments()
  const windows = createWindows()
  const stale = new Set<string>()
  const extensionNames = new Map<string, string>()
  // Extension -> ids of objects with values of it, while nothing here knows what they mean.
  const undeclared = new Map<string, Set<string>>()
  const byId = new Map<string, Entry>()
  // Of objects that are no entries: the domain, extensions, plugins that are off.
  const seqsWithoutEntry = new Map<string, number>()
  const suffixes = new Map<Entry, Buffer>()
  const noSuffix = Buffer.alloc(0)
  let baseKeys: string[] = []
  let baseSuffix = noSuffix
  let publishedFields: readonly string[] = []
  let kept: { version: number; view: View | undefined } | undefined

  const container = (parent: Entry | undefined): Entry => {
    const entry = newEntry('', parent, parts.find('', [], [], false))
    entry.children = new Map()
    return entry
  }
  const baseEntry = container(undefined)
  const unitEntries = {} as Record<Unit, Entry>
  for (const [name, { below }] of Object.entries(units)) {
    unitEntries[name as Unit] = container(below === 'base' ? baseEntry : unitEntries[below])
  }
  // Not there until there is a domain; and then always the same, for what stands below it.
  const windowsEntry = container(baseEntry)
  const members = createMembers(() => unitEntries.users.children!, dnOf)
  const versions = createVersions(members)
  const revisions = new Map<string, string>()
  let unitOf: (name: Unit) => Described = () => describeUnit('', '', '')
  let lastSeq = 0
  let since = ''

  function rdnOf(entry: Entry): string {
    const { bytes } = entry.slab
    const start = firstByte(bytes, entry.at)
    return bytes.toString('utf8', start, start + rdnLength(bytes, entry.at))
  }

  function suffixOf(entry: Entry): Buffer {
    if (entry === baseEntry) return baseSuffix
    if (!entry.parent) return noSuffix
    let suffix = suffixes.get(entry.parent)
    if (!suffix) {
      suffix = Buffer.from(`,${dnOf(entry.parent)}`)
      suffixes.set(entry.parent, suffix)
    }
    return suffix
  }

  function dnOf(entry: Entry): string {
    return `${rdnOf(entry)}${suffixOf(entry).toString()}`
  }

  function dnKeyOf(entry: Entry): string {
    if (entry === baseEntry) return baseKeys.join(',')
    return entry.parent ? `${entry.key},${dnKeyOf(entry.parent)}` : entry.key
  }

  function write(entry: Entry, described: Described, place: string): void {
    const { rdn, classes, lines } = described
    const before = entry.key
    const isNew = entry.place < 0
    if (!isNew) {
      indexes.change(entry, lines)
      arena.release(entry)
    }
    arena.keep(encodeBlock(lines, schema.slots, rdn), entry)
    entry.key = rdnKey(parseDn(rdn)![0]!)
    parts.enter(entry, parts.find(place, classes, lines, entry.children === undefined))
    const siblings = entry.parent?.children
    if (siblings) {
      if (before !== entry.key && siblings.get(before) === entry) siblings.delete(before)
      siblings.set(entry.key, entry)
    }
    if (isNew) indexes.add(entry, lines)
  }

  function setBase(id: string, domain: string, added: string, seq: number): void {
    versions.base(seq)
    since = added
    const labels = domain.split('.').filter(Boolean)
    const baseDn: Dn = labels.map((label) => [{ type: 'dc', value: label }])
    baseKeys = baseDn.map(rdnKey)
    baseSuffix = labels.length > 1 ? Buffer.from(`,${formatDn(baseDn.slice(1))}`) : noSuffix
    suffixes.clear()
    members.forget()
    write(baseEntry, describeBase(id, labels[0] ?? '', added), 'base')
    unitOf = (name) => describeUnit(id, units[name].name, added, name === 'idmap' ? windows.inUnit() : undefined)
    for (const [name, { below }] of Object.entries(units)) {
      write(unitEntries[name as Unit], unitOf(name as Unit), below)
    }
    for (const entry of [baseEntry, ...Object.values(unitEntries)]) entry.seq = seq
  }

  const placeEntry = (place: Place): Entry =>
    place === 'base' ? baseEntry : place === 'windows' ? windowsEntry : unitEntries[place]

  function entryFor(id: string, place: Place, kind: Entry['kind']): Entry {
    const entry = kind === 'windows' ? windowsEntry : newEntry(id, placeEntry(place), baseEntry.part)
    entry.id = id
    entry.kind = kind
    byId.set(id, entry)
    return entry
  }

  function put(id: string, place: Place, described: Described, seq: number): void {
    let entry = byId.get(id)
    const isNew = !entry
    entry ??= entryFor(id, place, described.kind)
    const rdn = isNew ? '' : rdnOf(entry)
    write(entry, described, place)
    if (entry === windowsEntry && rdn !== described.rdn) suffixes.delete(entry)
    entry.account = described.account
    if (described.turnedAt !== undefined && (revisions.get(id) ?? '') < described.turnedAt) tree.turned.add(id)
    moments.set(id, described.changesAt)
    stamp(entry)
    tree.news?.entries.add(entry)
    if (entry.undeclared || described.undeclared) keepUndeclared(entry, described.undeclared)
    if (described.memberOf) {
      members.join(entry, described.memberOf)
      if (!isNew && rdn !== described.rdn) members.renamed(entry)
    }
    if (described.membersKey && (isNew || rdn !== described.rdn || entry.membersKey !== described.membersKey)) {
      if (entry.membersKey) members.removeGroup(entry.membersKey, entry)
      if (entry.membersKey && entry.membersKey !== described.membersKey) members.nest(entry.membersKey, [])
      entry.membersKey = described.membersKey
      members.addGroup(described.membersKey, entry)
    }
    if (!described.membersKey) return
    const isNested = members.nest(described.membersKey, described.groupsAbove ?? [])
    if (described.holds !== undefined) members.nest(described.holds, [described.membersKey])
    if (isNew || isNested || rdn !== described.rdn) rename(described.membersKey, entry, seq)
  }

  /** Whoever is in a group says something else of their groups now. */
  function rename(key: string, group: Entry, seq: number): void {
    versions.named(key, seq)
    if (tree.news) for (const user of members.usersOf(group)) tree.news.entries.add(user)
  }

  function setNameless(key: string, seq: number): void {
    versions.named(key, seq)
  }

  function setRevision(id: string, body: RevisionBody | undefined, seq: number): void {
    if (!body) {
      revisions.delete(id)
      return
    }
    revisions.set(id, body.changed)
    versions.revised(id, seq)
    const entry = byId.get(id)
    if (!entry) return
    // Members of a group are members of all that it is in.
    const concerned = entry.membersKey
      ? [...members.above(entry.membersKey)].flatMap((key) => members.groupNamed(key) ?? [])
      : [entry]
    for (const each of concerned) {
      stamp(each, body.changed)
      tree.news?.entries.add(each)
    }
  }

  /** An entry was changed when its revision was: written over the time that its object has. */
  function stamp(entry: Entry, changed = revisions.get(entry.id)): void {
    if (changed === undefined) return
    const time = generalizedTime(changed)
    const was = firstValue(entry.slab.bytes, entry.at, modifySlot)
    if (was !== undefined && was < time) overwriteValue(entry.slab.bytes, entry.at, modifySlot, time)
  }

  function setHash(id: string, hash: string | undefined): void {
    windows.setHash(id, hash)
    const entry = byId.get(id)
    if (!entry?.part.classes.has('sambasamaccount')) return
    const { slab, at } = entry
    const others = linesOf(slab.bytes, at).filter(([slot]) => slot !== hashSlot)
    const lines: Line[] = hash === undefined ? others : [[hashSlot, [hash]], ...others]
    const block = encodeBlock(lines, schema.slots, rdnOf(entry))
    arena.release(entry)
    arena.keep(block, entry)
    tree.news?.entries.add(entry)
  }

  function putDomain(seq: number): void {
    const now = windows.described()
    if (!now) return
    put(now.id, 'base', now.described, seq)
    setSeq(now.id, Math.max(seq, byId.get(now.id)?.seq ?? 0), true)
  }

  function windowsChanged(seq: number): void {
    versions.base(seq)
    for (const { id, membership, membersKey, kind } of byId.values())
      if (membership || membersKey !== undefined || kind === 'machine') stale.add(id)
  }

  function unitChanged(): void {
    if (baseKeys.length > 0) write(unitEntries.idmap, unitOf('idmap'), units.idmap.below)
  }

  function keepUndeclared(entry: Entry, extensions: readonly string[] | undefined): void {
    for (const name of entry.undeclared ?? []) undeclared.get(name)?.delete(entry.id)
    for (const name of extensions ?? []) {
      const ids = undeclared.get(name)
      if (ids) ids.add(entry.id)
      else undeclared.set(name, new Set([entry.id]))
    }
    entry.undeclared = extensions
  }

  function remove(id: string, seq: number): void {
    const entry = byId.get(id)
    if (!entry) return
    tree.news?.gone.push({ id, dn: dnOf(entry) })
    tree.news?.entries.delete(entry)
    if (entry.membersKey) rename(entry.membersKey, entry, seq)
    byId.delete(id)
    indexes.remove(entry)
    members.leave(entry)
    if (entry.membersKey) {
      members.removeGroup(entry.membersKey, entry)
      members.nest(entry.membersKey, [])
    }
    keepUndeclared(entry, undefined)
    moments.set(id, undefined)
    const siblings = entry.parent!.children!
    if (siblings.get(entry.key) === entry) siblings.delete(entry.key)
    parts.leave(entry)
    arena.release(entry)
  }

  function setExtension(id: string, body: ExtensionBody | undefined, seq: number): void {
    if (body) versions.extension(body.name, seq)
    const before = extensionNames.get(id)
    if (before !== undefined) versions.extension(before, seq)
    if (before !== undefined && before !== body?.name) learn(before, false, undefined)
    if (!body) {
      extensionNames.delete(id)
      return
    }
    extensionNames.set(id, body.name)
    learn(body.name, body.on, ownDeclaration(body))
    if (body.name === 'samba' && windows.setOn(body.on)) windowsChanged(seq)
  }

  function learn(name: string, isOn: boolean, declaration: Extension | undefined): void {
    const version = schema.version()
    schema.setOn(name, isOn)
    const moved = schema.declare(name, declaration)
    if (schema.version() === version) return
    indexes.learn()
    for (const part of parts.all()) {
      part.refresh()
      if (tree.news && part.extensions.has(name)) for (const entry of part.entries) tree.news.entries.add(entry)
    }
    tree.selections = new WeakMap()
    for (const extension of moved) {
      for (const id of undeclared.get(extension) ?? []) stale.add(id)
      for (const part of parts.all()) {
        if (part.extensions.has(extension)) for (const entry of part.entries) stale.add(entry.id)
      }
    }
  }

  function publish(fields: readonly string[]): void {
    publishedFields = fields
    kept = undefined
    tree.selections = new WeakMap()
  }

  function published(): View | undefined {
    if (publishedFields.length === 0) return undefined
    const version = schema.version()
    if (kept?.version !== version) {
      const types = schema
        .extensions()
        .flatMap(({ name, user }) => user.filter((field) => publishedFields.includes(`${name}.${field.name}`)))
        .map(({ type }) => type)
      kept = { version, view: publishedView(types) }
    }
    return kept.view
  }

  function entriesByUid(key: string): Entry[] {
    const name = `uid=${escapeValue(key)}`
    const user = unitEntries.users.children!.get(name)
    const computers = unitEntries.computers.children!
    const computer = computers.size > 0 ? computers.get(name) : undefined
    if (!computer) return user ? [user] : []
    return user ? [user, computer] : [computer]
  }

  function setSeq(id: string, seq: number, isThere: boolean): void {
    lastSeq = Math.max(lastSeq, seq)
    const entry = byId.get(id)
    if (entry) entry.seq = seq
    else if (isThere) seqsWithoutEntry.set(id, seq)
    if (entry || !isThere) seqsWithoutEntry.delete(id)
  }

  function resolve(dn: Dn): { entry?: Entry; above?: Entry } {
    const keys = dnKeys(dn)
    const depth = keys.length - baseKeys.length
    if (baseKeys.length === 0 || depth < 0) return {}
    for (let i = 0; i < baseKeys.length; i++) if (keys[depth + i] !== baseKeys[i]) return {}
    let entry = baseEntry
    for (let i = depth - 1; i >= 0; i--) {
      const below = entry.children?.get(keys[i]!)
      if (!below || below.place < 0) return { above: entry }
      entry = below
    }
    return { entry }
  }

  const tree: Tree = {
    schema,
    indexes,
    members,
    parts,
    arena,
    selections: new WeakMap(),
    moments,
    versions,
    windows,
    csnOf,
    turned: new Set(),
    news: undefined,
    lastSeq: () => lastSeq,
    stale,
    since: () => since,
    base: () => (baseKeys.length > 0 ? baseEntry : undefined),
    size: () => byId.size + (baseKeys.length > 0 ? 1 + Object.keys(units).length : 0),
    entryById: (id) => byId.get(id),
    seqOf: (id) => byId.get(id)?.seq ?? seqsWithoutEntry.get(id),
    setSeq,
    containers: () => [baseEntry, ...Object.values(unitEntries)],
    uuidOf: (entry) => firstValue(entry.slab.bytes, entry.at, uuidSlot) ?? '',
    unitOf: (entry) => (Object.keys(units) as Unit[]).find((name) => unitEntries[name] === entry),
    entriesByUid,
    entries: () => byId.values(),
    setBase,
    setExtension,
    setRevision,
    setNameless,
    publish,
    published,
    put,
    putDomain,
    setHash,
    windowsChanged,
    unitChanged,
    placeOf: (entry) => (entry === windowsEntry ? 'windows' : tree.unitOf(entry)),
    remove,
    resolve,
    dnOf,
    suffixOf,
    dnKeyOf,
  }
  return tree
}

/** What an extension made in the pages declares. One that cannot be read here is as if it were not there. */
function ownDeclaration({ name, own }: ExtensionBody): Extension | undefined {
  try {
    return own && extensionFrom(name, own)
  } catch {
    return undefined
  }
}
