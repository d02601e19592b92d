import { randomUUID } from 'node:crypto'
import { ntHash } from '../accounts/md4.ts'
import { isNumberTaken, takeNumber } from '../accounts/numbers.ts'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { changesBetween } from '../audit/audit.ts'
import { AlreadyThere, Invalid, NotFound } from '../errors.ts'
import type { MachineBody } from '../store/bodies.ts'
import { canonical } from '../store/canonical.ts'
import type { Db } from '../store/db.ts'
import { objectById, objectsOf } from '../store/objects.ts'
import { machineKey, ownerOf } from '../store/taken.ts'
import { userIdByNumber } from '../store/users.ts'
import { type Change, write } from '../store/write.ts'
import { domainIn, domainOf } from './domain.ts'
import { formatFlags } from './flags.ts'
import { putHash } from './nt-hash.ts'
import { ownerOfSid } from './sids.ts'

/** What a computer is in the domain, by its flag. */
const kinds = { W: 'workstation', S: 'server', I: 'trust' } as const
export type MachineKind = (typeof kinds)[keyof typeof kinds]

/** A computer as pages and commands see one. */
export type Machine = {
  id: string
  seq: number
  /** With its `$`. */
  name: string
  /** A domain controller beside the first is a `server`; `trust`: another domain. */
  kind: MachineKind
  uidNumber: number
  /** Absent while it is a name without a place in the domain. */
  sid?: string
  /** As `[W          ]`. */
  flags: string
  description?: string
  passwordChanged?: string
  /** Device ID of the node whose Samba it is. */
  device?: string
  added: string
  changed: string
}

type Kept = { id: string; seq: number; body: MachineBody }

/** `sid`: of the domain. */
function toMachine({ id, seq, body }: Kept, sid: string): Machine {
  const { name, uidNumber, rid, flags, description, passwordChanged, device, added, changed } = body
  return {
    id,
    seq,
    name,
    kind: kindOf(flags),
    uidNumber,
    flags: formatFlags(flags),
    ...(rid !== undefined && { sid: `${sid}-${rid}` }),
    ...(description !== undefined && { description }),
    ...(passwordChanged !== undefined && { passwordChanged }),
    ...(device !== undefined && { device }),
    added,
    changed,
  }
}

const kindOf = (flags: string): MachineKind => kinds[(['S', 'I'] as const).find((flag) => flags.includes(flag)) ?? 'W']

/** Every computer, by name. */
export async function machineList(db: Db): Promise<Machine[]> {
  const [objects, domain] = await Promise.all([objectsOf(db.reader, 'machine'), domainOf(db)])
  return objects.map((object) => toMachine(object, domain?.sid ?? '')).sort((a, b) => (a.name < b.name ? -1 : 1))
}

export async function machineByName(db: Db, name: string): Promise<Machine> {
  const id = await ownerOf(db.reader, machineKey(canonicalMachine(name)))
  const object = id === undefined ? undefined : await objectById(db.reader, 'machine', id)
  if (!object) throw new NotFound(`There is no computer “${name.trim()}”.`)
  return toMachine(object, (await domainOf(db))?.sid ?? '')
}

/** `WS1` and `ws1$` are one computer: `ws1$`. */
export const canonicalMachine = (name: string): string => `${name.trim().toLowerCase().replace(/\$$/, '')}$`

function machineNameProblem(name: string): string | undefined {
  return /^[a-z0-9_]([a-z0-9_.-]{0,18}[a-z0-9_-])?\$$/.test(name)
    ? undefined
    : 'Computer name must have 1–20 of a–z, 0–9, “_”, “-”, “.”, as in ws-0421.'
}

export type MachineInput = {
  name: string
  /** The secret that the computer keeps; without one it can still join. */
  password?: string
  kind?: 'workstation' | 'server'
  description?: string
}

/** Adds a computer, ready to join; one that is there already gets the password, and keeps its SID. */
export async function addMachine(db: Db, actor: Actor, input: MachineInput): Promise<Machine> {
  needRight(actor, 'change')
  const name = canonicalMachine(input.name)
  const id = await write(db, actor, async (change) => {
    const there = await ownerOf(change.trx, machineKey(name))
    const flags = input.kind === 'server' ? 'S' : 'W'
    const { description } = input
    const fresh = { name, flags, isInDomain: true, ...(description !== undefined && { description }) }
    const object = there === undefined ? await insertMachine(change, fresh) : await needMachine(change, there)
    if (input.password === undefined) return object.id
    await putHash(change, db.dir, object.id, 'machine', ntHash(input.password).toString('hex'))
    const body = { ...object.body, passwordChanged: new Date().toISOString() }
    await keepMachine(change, object, body, `Set the password of computer ${name}`)
    return object.id
  })
  const object = (await objectById(db.reader, 'machine', id)) as Kept
  return toMachine(object, (await domainOf(db))?.sid ?? '')
}

export type NewMachine = Pick<MachineBody, 'name' | 'flags' | 'description' | 'displayName'> & {
  /** Asked for; where it cannot be given, the next one is. */
  uidNumber?: number | undefined
  /** Asked for; without one it is the uidNumber, once the computer is in the domain. */
  rid?: number | undefined
  isInDomain: boolean
}

/** Adds a computer inside a change. */
export async function insertMachine(change: Change, input: NewMachine): Promise<Kept> {
  const { rid: wanted, uidNumber: asked, isInDomain, ...given } = input
  const problem = machineNameProblem(input.name)
  if (problem) throw new Invalid({ name: problem })
  if (await ownerOf(change.trx, machineKey(input.name)))
    throw new AlreadyThere({ name: `A computer named “${input.name}” already exists.` })
  const { body: domain } = await domainIn(change)
  const uidNumber = await numberFor(change, asked)
  const rid = wanted ?? (isInDomain ? uidNumber : undefined)
  if (rid !== undefined) await needFreeRid(change, domain.sid, rid)
  const now = new Date().toISOString()
  const body: MachineBody = { ...given, uidNumber, ...(rid !== undefined && { rid }), added: now, changed: now }
  const id = randomUUID()
  await change.put('machine', id, body)
  change.note({
    sentence: `Added computer ${body.name}`,
    object: { kind: 'machine', id, name: body.name },
    changes: changesBetween(undefined, { uidNumber, flags: body.flags }),
    undo: [{ kind: 'machine', id, added: true }],
  })
  return { id, seq: change.head.seq, body }
}

async function numberFor(change: Change, asked: number | undefined): Promise<number> {
  const isGiven = asked !== undefined && asked >= 2000 && Number.isSafeInteger(asked) && asked < 2 ** 31
  if (!isGiven || (await isNumberTaken(change.trx, asked)) || (await userIdByNumber(change.trx, asked)))
    return takeNumber(change, 'uidNumber')
  const [numbers] = await objectsOf(change.trx, 'numbers')
  // A number that was given once is never given again, whoever asks for it.
  return asked <= (numbers?.body.uidNumber ?? 0) ? takeNumber(change, 'uidNumber') : asked
}

export async function needFreeRid(change: Change, domain: string, rid: number, self?: string): Promise<void> {
  const owner = await ownerOfSid(change, domain, `${domain}-${rid}`)
  if (owner !== undefined && owner !== self)
    throw new Invalid({ sid: `The SID ${domain}-${rid} belongs to another account.` })
}

export async function needMachine(change: Change, id: string): Promise<Kept> {
  const object = await change.get('machine', id)
  if (!object) throw new NotFound('This computer does not exist any more.')
  return object
}

/** Puts a changed computer. It is always another one afterwards: Samba looks at when an account was changed. */
export async function keepMachine(change: Change, was: Kept, body: MachineBody, sentence: string): Promise<void> {
  const isSame = canonical(was.body) === canonical(body)
  await change.put('machine', was.id, { ...body, changed: new Date().toISOString() })
  if (isSame) return
  change.note({
    sentence,
    object: { kind: 'machine', id: was.id, name: body.name },
    changes: changesBetween(was.body, body),
  })
}

export async function removeMachine(db: Db, actor: Actor, name: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    const id = await ownerOf(change.trx, machineKey(canonicalMachine(name)))
    if (id === undefined) throw new NotFound(`There is no computer “${name.trim()}”.`)
    await takeOutMachine(change, id)
  })
}

/** Takes a computer out inside a change, and its password with it. */
export async function takeOutMachine(change: Change, id: string): Promise<void> {
  const { body } = await needMachine(change, id)
  await change.remove('machine', id)
  change.note({
    sentence: `Removed computer ${body.name}`,
    object: { kind: 'machine', id, name: body.name },
    changes: changesBetween({ uidNumber: body.uidNumber, flags: body.flags }, undefined),
  })
}
