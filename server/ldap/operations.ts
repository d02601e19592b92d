import type { Logger } from 'pino'
import { bind } from './bind.ts'
import { compare } from './compare.ts'
import type { Directory } from './directory.ts'
import { extended } from './extended.ts'
import { search } from './search.ts'
import type { Session } from './who.ts'
import { type Message, requestTag } from './wire/message.ts'
import type { Output } from './wire/output.ts'
import { type Result, responseTag, resultCode } from './wire/result.ts'

export type BindReport = { dn: string; ok: boolean; reason?: string; address: string }

/**
 * The decision about people that a directory cannot make alone: wrong passwords are counted, and passwords have an age. Ids
 * are those of people; LDAP clients are not judged.
 */
export type Judge = {
  /** Why this person may not sign in here, whatever the password. */
  refusal: (id: string) => string | undefined | Promise<string | undefined>
  failed: (id: string, password: string) => unknown
  /** `hash` is what the password fitted; it may be replaced by a better one. */
  good: (id: string, hash: string, password: string) => unknown
}

/** What the operations work with. */
export type Services = {
  directory: Directory
  verify: (storedHash: string | undefined, password: string) => Promise<boolean>
  onBind: ((report: BindReport) => void) | undefined
  judge: Judge | undefined
  log: Logger
}

/** One request. */
export type Call = { message: Message; session: Session; services: Services; output: Output }

/** Work that takes more than one turn: `next` goes on until it has a result, a full buffer, or no time left. */
export type Work = { next: (deadline: number) => Result | undefined }

export type Operation = {
  name: string
  /** Tag of its response. */
  response: number
  run: (call: Call) => Result | Promise<Result> | Work
}

const refuseWrite = (): Result => ({
  code: resultCode.unwillingToPerform,
  message: 'Accounts are not changed over LDAP. Use the web interface or the account-sync command on the master.',
})

/** Every operation with an answer. Unbind and abandon have none and are the connection's own (connection.ts). */
export const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [requestTag.bind, { name: 'bind', response: responseTag.bind, run: bind }],
  [requestTag.search, { name: 'search', response: responseTag.searchDone, run: search }],
  [requestTag.compare, { name: 'compare', response: responseTag.compare, run: compare }],
  [requestTag.extended, { name: 'extended', response: responseTag.extended, run: extended }],
  [requestTag.modify, { name: 'modify', response: responseTag.modify, run: refuseWrite }],
  [requestTag.add, { name: 'add', response: responseTag.add, run: refuseWrite }],
  [requestTag.remove, { name: 'delete', response: responseTag.remove, run: refuseWrite }],
  [requestTag.modifyDn, { name: 'modifyDN', response: responseTag.modifyDn, run: refuseWrite }],
])
