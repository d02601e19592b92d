import type { SecureContext } from 'node:tls'
import type { Logger } from 'pino'
import { add } from './add.ts'
import { bind } from './bind.ts'
import { compare } from './compare.ts'
import type { PolicyError } from './controls/password-policy.ts'
import type { Directory } from './directory.ts'
import { extended } from './extended.ts'
import { byMaster, type Forward } from './forward.ts'
import type { Lens } from './lens.ts'
import type { Limits } from './limits.ts'
import { modify } from './modify.ts'
import { modifyDn } from './modify-dn.ts'
import { remove } from './remove.ts'
import { search } from './search.ts'
import type { Shelf } from './shelf.ts'
import type { SyncFeed } from './sync.ts'
import type { Session } from './who.ts'
import type { Message } from './wire/message.ts'
import type { Output } from './wire/output.ts'
import { requestTag } from './wire/request-tag.ts'
import { type Result, responseTag } from './wire/result.ts'
import type { Writer } from './writer.ts'

export type BindReport = { dn: string; ok: boolean; reason?: string; address: string }

/** Why a person may not sign in, for the log and, where the client asks for it, in the words of the password policy control. */
export type Refusal = { reason: string; error?: PolicyError }

/**
 * The decision about people that a directory cannot make alone: wrong passwords are counted, and passwords have an age. Ids
 * are those of people; LDAP clients are not judged.
 */
export type Judge = {
  /** Why this person may not sign in here, whatever the password. */
  refusal: (id: string) => Refusal | undefined | Promise<Refusal | undefined>
  failed: (id: string, password: string) => unknown
  /** `hash` is what the password fitted; it may be replaced by a better one. */
  good: (id: string, hash: string, password: string) => unknown
  /** Seconds until the password ends; undefined: it does not, or not soon. */
  secondsLeft?: (id: string) => number | undefined | Promise<number | undefined>
}

/** What the operations work with. */
export type Services = {
  directory: Directory
  verify: (storedHash: string | undefined, password: string) => true | Promise<boolean>
  onBind: ((report: BindReport) => void) | undefined
  judge: Judge | undefined
  /** Changes accounts, by way of the domain; absent where nothing can be changed. */
  writer: Writer | undefined
  /** How the master is asked to change accounts; absent: this node changes them itself, or nobody does. */
  forward: Forward | undefined
  /** What a consumer of RFC 4533 follows; absent: nobody can. */
  feed: SyncFeed | undefined
  lens: Lens | undefined
  limits: Limits
  shelf: Shelf
  /** What StartTLS begins with; absent: it is not offered. */
  secureContext: (() => SecureContext) | undefined
  log: Logger
}

/** One request. */
export type Call = { message: Message; session: Session; services: Services; output: Output }

/** A search that stays open and tells what changes. */
export type Watch = {
  /** Writes what has come: 'more' when there is more to write, undefined when there is nothing, a result when it is over. */
  next: (deadline: number) => 'more' | Result | undefined
  onNews: (wake: () => void) => void
  end: () => void
}

/** Work that takes more than one turn: `next` goes on until it has a result, a full buffer, or no time left. */
export type Work = {
  next: (deadline: number) => Result | { watch: Watch } | undefined
  /** It is given up. */
  end?: () => void
}

export type Operation = {
  name: string
  /** Tag of its response. */
  response: number
  run: (call: Call) => Result | Work | Promise<Result | Work>
}

/** Every operation with an answer. Unbind, abandon and cancel are the connection's own (connection.ts). */
export const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [requestTag.bind, { name: 'bind', response: responseTag.bind, run: bind }],
  [requestTag.search, { name: 'search', response: responseTag.searchDone, run: search }],
  [requestTag.compare, { name: 'compare', response: responseTag.compare, run: compare }],
  [requestTag.extended, { name: 'extended', response: responseTag.extended, run: extended }],
  [requestTag.modify, { name: 'modify', response: responseTag.modify, run: byMaster(modify) }],
  [requestTag.add, { name: 'add', response: responseTag.add, run: byMaster(add) }],
  [requestTag.remove, { name: 'delete', response: responseTag.remove, run: byMaster(remove) }],
  [requestTag.modifyDn, { name: 'modifyDN', response: responseTag.modifyDn, run: byMaster(modifyDn) }],
])
