import type { Actor } from '../audit/actor.ts'
import { Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { objectById } from '../store/objects.ts'
import type { Directory } from './directory.ts'
import type { Entry } from './entry.ts'
import { NotDone } from './not-done.ts'
import type { Session } from './who.ts'
import { resultCode } from './wire/result.ts'
import type { Modification } from './writes/changes.ts'
import { addGroupEntry, modifyGroup, modifyPlugin, removeGroupEntry, renameGroup } from './writes/group-entry.ts'
import { addPerson, changePassword, modifyPerson, removePerson, renamePerson } from './writes/person-entry.ts'
import type { Values } from './writes/values.ts'

/** Where a write stands: the store, the directory that shows it, and who asks. */
export type Writing = { db: Db; directory: Directory; actor: Actor }

/** An entry that a request adds: the unit it goes to, the value of its RDN, its attributes. */
export type NewEntry = {
  unit: 'users' | 'groups'
  name: string
  values: Values
  classes: readonly string[]
  password: string | undefined
}

/**
 * Changes accounts as LDAP asks for it, by way of the domain. `expectedSeq`: of which change the entry was read; when it is
 * another one by now, the request is refused with Stale and may be tried on what there is.
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

type Kind = 'person' | 'group' | 'plugin'

const notHere = (entry: Entry): NotDone =>
  new NotDone(
    resultCode.unwillingToPerform,
    entry.account ? 'LDAP clients are added and removed in the pages.' : 'This entry is part of the directory itself.',
  )

function kindOf(entry: Entry): Kind {
  if (entry.membership) return 'person'
  if (entry.membersKey?.startsWith('plugin:')) return 'plugin'
  if (entry.membersKey !== undefined) return 'group'
  throw notHere(entry)
}

export function createWriter(db: Db, directory: Directory): Writer {
  const writing = (actor: Actor): Writing => ({ db, directory, actor })
  return {
    actorOf: (session) => actorOf(db, session),
    add: (actor, entry) =>
      entry.unit === 'users' ? addPerson(writing(actor), entry) : addGroupEntry(writing(actor), entry),
    modify(actor, entry, modifications, expectedSeq) {
      const modify = { person: modifyPerson, group: modifyGroup, plugin: modifyPlugin }[kindOf(entry)]
      return modify(writing(actor), entry, modifications, expectedSeq)
    },
    async rename(actor, entry, name, expectedSeq) {
      const kind = kindOf(entry)
      if (kind === 'plugin') throw new NotDone(resultCode.unwillingToPerform, 'Groups of plugins keep their name.')
      await (kind === 'person' ? renamePerson : renameGroup)(writing(actor), entry, name, expectedSeq)
    },
    async remove(actor, entry, expectedSeq) {
      const kind = kindOf(entry)
      if (kind === 'plugin')
        throw new NotDone(resultCode.unwillingToPerform, 'The group of a plugin goes when the plugin is turned off.')
      await (kind === 'person' ? removePerson : removeGroupEntry)(writing(actor), entry, expectedSeq)
    },
    async setPassword(actor, entry, wanted, old) {
      if (kindOf(entry) !== 'person')
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
