import type { Act } from '../accounts/acts.ts'
import type { ControllerSecrets } from '../samba/controller.ts'
import type { SambaReport } from '../samba/reports.ts'

/**
 * The protocol between slaves and master, version 1: what both sides write and read, and nothing else.
 * An answer is NDJSON: a head line, one line per object, an end line. Without its end line it is nothing.
 */
export const protocol = 1

/** Headers on every answer: where the master stands. */
export const headers = {
  cluster: 'sync-cluster',
  epoch: 'sync-epoch',
  seq: 'sync-seq',
  hash: 'sync-hash',
  /** How the master is called, and where its web pages are. */
  name: 'sync-name',
  web: 'sync-web',
  /** The port on which it gives out files. */
  files: 'sync-files',
  /** On a slave's requests: what it tells of itself (report.ts). */
  report: 'sync-report',
  /** The epochs that led here, as local.ts has them. */
  epochs: 'sync-epochs',
  /** This slave shall come for the cluster's key and be master. */
  takeOver: 'sync-take-over',
} as const

/** delta: what changed after `since`. full: everything. repair: everything in some buckets. */
export type AnswerMode = 'delta' | 'full' | 'repair'

export type HeadLine = {
  t: 'head'
  mode: AnswerMode
  cluster: string
  epoch: string
  sig: string
  since: number
  upto: number
  count: number
  horizon: number
}

export type EndLine = { t: 'end'; upto: number; hash: string; objects: number; n: number }

export type ObjectLine = { seq: number; kind: string; id: string; body: string | undefined; value?: object }

/** The body stands last and as it is kept, so that the other side keeps the very same bytes. */
export const objectLine = ({ seq, kind, id, body }: Omit<ObjectLine, 'value'>): string =>
  body === undefined
    ? `{"s":${seq},"k":"${kind}","i":"${id}","d":1}\n`
    : `{"s":${seq},"k":"${kind}","i":"${id}","b":${body}}\n`

// Kinds and ids never hold quotes or spaces, so what stands before the body has one form only.
const objectStart = /^\{"s":([1-9]\d{0,15}),"k":"([\w.:-]{1,64})","i":"([\w.:-]{1,64})",(?:"b":|"d":1\}$)/

/** Reads one object line; throws when it is not one. */
export function readObjectLine(line: string): ObjectLine {
  const [start, seq, kind, part] = objectStart.exec(line) ?? []
  if (!start || !kind || !part) throw new Error('not an object line')
  // What V8 cuts out of a text keeps the whole text in memory, and the id is kept for as long as the object is.
  const id = Buffer.from(part, 'latin1').toString('latin1')
  if (start.length === line.length) return { seq: Number(seq), kind, id, body: undefined }
  if (!line.endsWith('}')) throw new Error('cut off')
  const body = line.slice(start.length, -1)
  const value: unknown = JSON.parse(body)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error('body is not an object')
  return { seq: Number(seq), kind, id, body, value }
}

/** What a slave sends to enrol. */
export type EnrolRequest = {
  keyId: string
  secret: string
  deviceId: string
  name: string
  version: string
  protocol: number
  /** PKCS #10 request for its certificate, PEM, and the names it is reached by. */
  request: string
  names: string[]
  /** Where it would answer slaves, were it the master. */
  port?: number | undefined
}

export type EnrolAnswer = {
  credential: string
  clusterId: string
  epochNo: number
  epochId: string
  epochSig: string
  certificate: string
  masterName: string
  /** With what NT hashes are sealed, hex. */
  ntHashKey?: string
}

/** Problem details (RFC 9457) as both sides know them; `code` is for machines. */
export type Problem = { status: number; title: string; detail: string; code: string; [more: string]: unknown }

export const buckets = 256

/** Objects are compared in 256 heaps by the first byte of their id. */
export const bucketOf = (id: string): number => {
  const byte = Number.parseInt(id.slice(0, 2), 16)
  return Number.isNaN(byte) ? 0 : byte
}

/**
 * Something that the master shall do in the name of somebody who is signed in at a slave. `id` is one for each act, however
 * often it is sent. Bytes are base64.
 */
export type ForwardRequest = {
  id: string
  /** Who: an LDAP client, a person with the password typed at the slave, or who holds a first-password link. The master judges each itself. */
  as: { client: string } | { person: string; password: string } | { link: string }
  /** From where they are connected to the slave. */
  address: string
} & Forwarded

/** What shall be done: an LDAPMessage as it came, or an act of the pages. */
export type Forwarded = { ldap: string } | { act: Act }

/** `seq`: with which change the slave has what was done. An LDAPMessage is answered by an LDAPResult. */
export type ForwardAnswer = { seq: number; ldap?: LdapAnswer }

/** An LDAPResult and what goes along; `fields` and `controls` are finished TLVs in base64. */
export type LdapAnswer = {
  code: number
  message?: string | undefined
  matchedDn?: string | undefined
  fields?: string[] | undefined
  controls?: string[] | undefined
}

/** What Samba on a slave needs of the master: secrets for the server of this name, or an account for a computer that joins; or how it was found. */
export type SambaRequest = { server: string } | { machine: string } | { report: SambaReport }

/** `seq`: with which change the slave has it. `now`: by the clock of the master. */
export type SambaAnswer = { seq: number; now: string; secrets?: ControllerSecrets }
