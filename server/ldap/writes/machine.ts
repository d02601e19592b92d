import { needRight } from '../../accounts/roles.ts'
import { opaque } from '../../samba/account.ts'
import { domainIn } from '../../samba/domain.ts'
import {
  canonicalMachine,
  insertMachine,
  keepMachine,
  needFreeRid,
  needMachine,
  takeOutMachine,
} from '../../samba/machines.ts'
import { hashOf, putHash } from '../../samba/nt-hash.ts'
import type { MachineBody } from '../../store/bodies.ts'
import { type Change, write } from '../../store/write.ts'
import { attribute } from '../attribute-types.ts'
import { describeMachine } from '../entries/windows.ts'
import type { Entry } from '../entry.ts'
import { NotDone } from '../not-done.ts'
import { resultCode } from '../wire/result.ts'
import { type NewEntry, refuseStale, type Writing } from '../writer.ts'
import { applyTo, type Modification } from './changes.ts'
import { type Values, valuesOf } from './values.ts'
import { type AccountChanges, lettersOf, needSecretRight, ridOf, windowsChanges, windowsOf } from './windows.ts'

const one = (values: Values, name: string): string | undefined => values.get(attribute(name))?.[0]

const isAccount = (classes: readonly string[]): boolean =>
  classes.some((name) => name.toLowerCase() === 'sambasamaccount')

/** A computer as a script of Samba adds it: a name and a number, which Samba then makes an account of the domain; or all at once. */
export async function addMachineEntry({ db, directory, actor }: Writing, entry: NewEntry): Promise<void> {
  needRight(actor, 'change')
  const domain = windowsOf(directory.tree)
  if (entry.password !== undefined)
    throw new NotDone(resultCode.unwillingToPerform, 'Computers have no userPassword: theirs is sambaNTPassword.')
  const { values } = entry
  const sid = one(values, 'sambaSID')
  const changes = windowsChanges(domain, new Map(), values)
  needSecretRight(actor, changes)
  const number = one(values, 'uidNumber')
  const description = one(values, 'description')
  await write(db, actor, async (change) => {
    const machine = await insertMachine(change, {
      name: canonicalMachine(entry.name),
      flags: lettersOf(one(values, 'sambaAcctFlags') ?? '[]'),
      uidNumber: number === undefined ? undefined : Number(number),
      rid: sid === undefined ? undefined : ridOf(domain, sid),
      isInDomain: isAccount(entry.classes),
      ...(description !== undefined && { description }),
    })
    if (changes) await keep(change, db.dir, machine, applied(machine.body, values, changes), changes)
  })
}

export async function modifyMachine(
  { db, directory, actor }: Writing,
  entry: Entry,
  modifications: readonly Modification[],
  expectedSeq: number | undefined,
): Promise<void> {
  needRight(actor, 'change')
  const { schema } = directory.tree
  const domain = windowsOf(directory.tree)
  await write(db, actor, async (change) => {
    const object = await needMachine(change, entry.id)
    refuseStale(object.seq, expectedSeq)
    const described = describeMachine(entry.id, object.body, domain, await hashOf(db, change.trx, entry.id))
    const before = valuesOf(schema, described)
    const {
      values,
      classes = described.classes,
      password,
    } = applyTo(schema, { values: before, classes: described.classes }, modifications)
    if (password) throw new NotDone(resultCode.unwillingToPerform, 'Computers have no userPassword here.')
    for (const name of ['uid', 'cn', 'uidNumber'])
      if (String(values.get(attribute(name))) !== String(before.get(attribute(name))))
        throw new NotDone(resultCode.unwillingToPerform, `${name} of a computer is given once and never changed.`)
    const changes = windowsChanges(domain, before, values) ?? {}
    needSecretRight(actor, changes)
    const body = applied(object.body, values, changes)
    if (!isAccount(classes)) {
      delete body.rid
      body.flags = ''
      changes.hash = null
    } else if (body.rid === undefined)
      throw new NotDone(resultCode.objectClassViolation, 'sambaSamAccount asks for sambaSID.')
    await keep(change, db.dir, object, body, changes)
  })
}

function applied(was: MachineBody, values: Values, changes: AccountChanges): MachineBody {
  const { rid, flags, lastSet, attributes } = changes
  const body: MachineBody = { ...was, ...(rid !== undefined && { rid }), ...(flags && { flags: flags.now }) }
  for (const name of ['displayName', 'description'] as const) {
    const value = one(values, name)
    if (value === undefined) delete body[name]
    else body[name] = value
  }
  if (lastSet !== undefined) {
    delete body.passwordChanged
    if (lastSet > 0) body.passwordChanged = new Date(lastSet * 1000).toISOString()
  }
  if (attributes) {
    const left = Object.entries({ ...was.attributes, ...attributes }).filter(
      ([name, value]) => value !== undefined && opaque.includes(name),
    )
    if (left.length > 0) body.attributes = Object.fromEntries(left as [string, string][])
    else delete body.attributes
  }
  return body
}

type Kept = { id: string; seq: number; body: MachineBody }

async function keep(change: Change, dir: string, was: Kept, body: MachineBody, changes: AccountChanges): Promise<void> {
  if (body.rid !== undefined && body.rid !== was.body.rid)
    await needFreeRid(change, (await domainIn(change)).body.sid, body.rid, was.id)
  if (typeof changes.hash === 'string') await putHash(change, dir, was.id, 'machine', changes.hash)
  else if (changes.hash === null) await change.remove('nt-hash', was.id)
  const sentence = changes.hash ? `Set the password of computer ${body.name}` : `Changed computer ${body.name}`
  await keepMachine(change, was, body, sentence)
}

export async function removeMachineEntry(
  { db, actor }: Writing,
  entry: Entry,
  expectedSeq: number | undefined,
): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    refuseStale((await needMachine(change, entry.id)).seq, expectedSeq)
    await takeOutMachine(change, entry.id)
  })
}
