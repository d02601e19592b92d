import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { objectById } from '../store/objects.ts'
import type { Directory } from './directory.ts'
import type { Entry } from './entry.ts'
import { NotDone } from './not-done.ts'
import type { Place, Tree } from './tree.ts'
import type { Session } from './who.ts'
import { resultCode } from './wire/result.ts'
import type { Modification } from './writes/changes.ts'
import { modifyDomain } from './writes/domain.ts'
import { addGroupEntry, modifyGroup, modifyPlugin, removeGroupEntry, renameGroup } from './writes/group-entry.ts'
import { addKept, modifyIdmap, modifyKept, removeKept } from './writes/kept.ts'
import { addMachineEntry, modifyMachine, removeMachineEntry } from './writes/machine.ts'
import { addPerson, changePassword, modifyPerson, removePerson, renamePerson } from './writes/person-entry.ts'
import type { Values } from './writes/values.ts'

/** Where a write stands: the store, the directory that shows it, and who asks. */
export type Writing = { db: Db; directory: Directory; actor: Actor }

/** An entry that a request adds: what it is, where it goes, its RDN and the value of that, its attributes. */
export type NewEntry = {
  kind: NewKind
  place: Place
  rdn: string
  name: string
  values: Values
  classes: readonly string[]
  password: string | undefined
}

/**
 * Changes accounts as LDAP asks for it, by way of the domain. `expectedSeq`: of which change the entry was read, of a group the
 * last one that was seen; when it is another one by now, the request is refused with Stale and may be tried on what there is.
 */
export type Writer = {
  actorOf: (session: Session) => Promise<Actor>
  add: (actor: Actor, entry: NewEntry) => Promise<void>
  modify: (actor: Actor, entry: Entry, modifications: readonly Modification[], expectedSeq?: number) => Promise<void>
  rename: (actor: Actor, entry: Entry, name: string, expectedSeq?: number) => Promise<void>
  remove: (actor: Actor, entry: Entry, expectedSeq?: number) => Promise<void>
  /** Sets a password; the one that was made where none is given. `old`: what the person says it was. */
  setPassword: (
    actor: Actor,
    entry: Entry,
    wanted: string | undefined,
    old: string | undefined,
  ) => Promise<string | undefined>
}

/** What was read is not what is there any more. */
export class Stale extends Error {}

export const refuseStale = (seq: number, expectedSeq: number | undefined): void => {
  if (expectedSeq !== undefined && expectedSeq !== seq) throw new Stale('changed meanwhile')
}

export type NewKind = 'person' | 'group' | 'machine' | 'kept'
type Kind = NewKind | 'plugin' | 'domain' | 'idmap'

const notHere = (entry: Entry): NotDone =>
  new NotDone(
    resultCode.unwillingToPerform,
    entry.account ? 'LDAP clients are added and removed in the pages.' : 'This entry is part of the directory itself.',
  )

function kindOf(entry: Entry, tree: Tree): Kind {
  if (entry.membership) return 'person'
  if (entry.kind) return entry.kind === 'windows' ? 'domain' : entry.kind
  if (tree.unitOf(entry) === 'idmap') return 'idmap'
  if (entry.membersKey?.startsWith('plugin:')) return 'plugin'
  if (entry.membersKey !== undefined) return 'group'
  throw notHere(entry)
}

const adders = { person: addPerson, group: addGroupEntry, machine: addMachineEntry, kept: addKept } as const

const modifiers: Record<
  Kind,
  (of: Writing, entry: Entry, modifications: readonly Modification[], expectedSeq?: number) => Promise<void>
> = {
  person: modifyPerson,
  group: modifyGroup,
  plugin: modifyPlugin,
  machine: modifyMachine,
  kept: modifyKept,
  domain: (of, _, modifications, expectedSeq) => modifyDomain(of, modifications, expectedSeq),
  idmap: (of, _, modifications) => modifyIdmap(of, modifications),
}

const renamers: Partial<
  Record<Kind, (of: Writing, entry: Entry, name: string, expectedSeq?: number) => Promise<void>>
> = { person: renamePerson, group: renameGroup }

const removers: Partial<Record<Kind, (of: Writing, entry: Entry, expectedSeq?: number) => Promise<void>>> = {
  person: removePerson,
  group: removeGroupEntry,
  machine: removeMachineEntry,
  kept: removeKept,
}

const refuseRename = (): never => {
  throw new NotDone(resultCode.unwillingToPerform, 'Only people and groups are renamed; others keep their name.')
}

const refuseRemoval = (): never => {
  throw new NotDone(
    resultCode.unwillingToPerform,
    'This entry is there for as long as what it stands for is turned on.',
  )
}

export function createWriter(db: Db, directory: Directory): Writer {
  const writing = (actor: Actor): Writing => ({ db, directory, actor })
  return {
    actorOf: (session) => actorOf(db, session),
    add: (actor, entry) => adders[entry.kind](writing(actor), entry),
    modify: (actor, entry, modifications, expectedSeq) =>
      modifiers[kindOf(entry, directory.tree)](writing(actor), entry, modifications, expectedSeq),
    rename: async (actor, entry, name, expectedSeq) =>
      (renamers[kindOf(entry, directory.tree)] ?? refuseRename)(writing(actor), entry, name, expectedSeq),
    remove: async (actor, entry, expectedSeq) =>
      (removers[kindOf(entry, directory.tree)] ?? refuseRemoval)(writing(actor), entry, expectedSeq),
    async setPassword(actor, entry, wanted, old) {
      if (kindOf(entry, directory.tree) !== 'person')
        throw new NotDone(resultCode.unwillingToPerform, 'Passwords of people are set this way.')
      return changePassword(writing(actor), entry, wanted, old)
    },
  }
}

/** As whom a connection writes. A person's role is looked up, for it may have changed since the bind. */
async function actorOf(db: Db, session: Session): Promise<Actor> {
  const { accountId, site, request } = session
  const address = site === undefined ? session.address : `${session.address} at ${site}`
  if (session.isMachine) return { name: 'this machine', via: 'ldap' }
  const person = accountId === undefined ? undefined : await objectById(db.reader, 'user', accountId)
  if (person) {
    const { username, role } = person.body
    return { id: person.id, name: username, role, via: 'ldap', address, ...(request !== undefined && { request }) }
  }
  const client = accountId === undefined ? undefined : await objectById(db.reader, 'client', accountId)
  if (client?.body.role !== 'samba') throw new Refused('This LDAP client reads; it does not change anything.', 'role')
  return { name: client.body.name, role: 'samba', via: 'ldap', address, ...(request !== undefined && { request }) }
}
