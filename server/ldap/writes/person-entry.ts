import { declared } from '../../accounts/declarations.ts'
import { ownFields } from '../../accounts/own-account.ts'
import { hashPassword, newPassword } from '../../accounts/passwords.ts'
import { inForce, needGoodPassword, type Policies, policies } from '../../accounts/policies.ts'
import { may, needRight, needRightOver } from '../../accounts/roles.ts'
import { binUntil } from '../../accounts/settings.ts'
import { confirmPassword, forgetFailures } from '../../accounts/sign-in.ts'
import type { UserInput } from '../../accounts/user-input.ts'
import {
  changeOne,
  changeUser,
  fullName,
  insertUser,
  type NewPassword,
  needUser,
  removeUser,
  setPassword,
  takeOutUser,
} from '../../accounts/users.ts'
import type { Actor } from '../../audit/actor.ts'
import { Refused } from '../../errors.ts'
import { deedOf, inWindows, keepInWindows, lastSetOf } from '../../samba/account.ts'
import { domainIn } from '../../samba/domain.ts'
import { rememberBefore } from '../../samba/lately.ts'
import { needFreeRid } from '../../samba/machines.ts'
import { hashOf, putHash } from '../../samba/nt-hash.ts'
import { ridOfUser } from '../../samba/sids.ts'
import type { UserBody } from '../../store/bodies.ts'
import { hasWindows } from '../../store/nt-hashes.ts'
import { objectById } from '../../store/objects.ts'
import { type Change, write } from '../../store/write.ts'
import { describeUser } from '../entries/user.ts'
import type { Entry } from '../entry.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import type { ObjectClass } from '../schema-classes.ts'
import { resultCode } from '../wire/result.ts'
import { type NewEntry, refuseStale, type Writing } from '../writer.ts'
import { applyTo, type Modification, needClass, type PasswordWish, type Wishes } from './changes.ts'
import { changedTypes, newPersonInput, passwordOf, personInput, refuseOtherNames } from './person.ts'
import { classesOf, type Values, valuesOf } from './values.ts'
import {
  type AccountChanges,
  accountChanges,
  forgiven,
  namesShown,
  needSecretRight,
  newInWindows,
  withoutWindows,
} from './windows.ts'

export async function addPerson({ db, directory, actor }: Writing, entry: NewEntry): Promise<void> {
  needRight(actor, 'change')
  const { schema } = directory.tree
  const isSamba = actor.role === 'samba'
  const domain = directory.tree.windows.domain()
  const windows = domain && newInWindows(domain, entry)
  if (windows) needSecretRight(actor, windows)
  const { input, uidNumber } = newPersonInput(
    schema,
    entry.name,
    windows || isSamba ? withoutWindows(entry.values, isSamba) : entry.values,
  )
  if (isSamba) {
    // A name of one word says one of them only.
    input.first ||= entry.name
    input.last ||= entry.name
  }
  if (windows) input.extensions = { ...input.extensions, samba: { account: 'yes', ...windows.fields } }
  const given = entry.password === undefined ? undefined : passwordOf(entry.password)
  if (given && 'password' in given) {
    await needGoodPassword(db, given.password, { ...input, groups: [] }, { by: 'other' })
    input.mustChange = mustBeChanged(actor, inForce(await policies(db), { groups: [] }).policy.mustChange)
  }
  const hash = given && ('hash' in given ? given.hash : await hashPassword(given.password))
  const [known, of] = await Promise.all([declared(db), policies(db)])
  await write(db, actor, async (change) => {
    // Samba takes a number from elsewhere, and reads afterwards which one it is.
    const { id } = await insertUser(change, known, input, hash, isSamba ? undefined : uidNumber)
    if (windows) await keepWindows(change, db.dir, await needUser(change, id), windows, of)
    const { body } = await needUser(change, id)
    const described = describeUser(schema, id, body, domain)
    const classes = classesOf(schema, described)
    if (isSamba) return
    refuseOtherNames(entry.values, valuesOf(schema, described))
    refuseOtherClasses(schema, entry.classes, classes, 'has')
  })
}

/** Puts what Samba has changed of somebody beside what is typed about them; and their hash. */
async function keepWindows(
  change: Change,
  dir: string,
  object: Target & { seq: number },
  changes: AccountChanges,
  of: Policies,
): Promise<void> {
  const { hash, rid } = changes
  if (rid !== undefined) {
    if (rid === ridOfUser(object.body)) delete changes.rid
    else await needFreeRid(change, (await domainIn(change)).body.sid, rid, object.id)
  }
  const body = inWindows(object.body, changes, inForce(of, object.body).policy)
  await keepInWindows(change, object, body, deedOf(changes, hash, fullName(body)))
  if (typeof hash === 'string') await putHash(change, dir, object.id, 'user', hash)
  else if (hash === null) await change.remove('nt-hash', object.id)
}

export async function modifyPerson(
  { db, directory, actor }: Writing,
  entry: Entry,
  modifications: readonly Modification[],
  expectedSeq: number | undefined,
): Promise<void> {
  const { schema } = directory.tree
  const domain = directory.tree.windows.domain()
  const describe = async (trx: Change['trx'] | Writing['db']['reader'], body: UserBody) =>
    describeUser(schema, entry.id, body, domain, hasWindows(body) ? await hashOf(db, trx, entry.id) : undefined)
  const wished = async (
    trx: Change['trx'] | Writing['db']['reader'],
    body: UserBody,
  ): Promise<Wishes & { before: Values }> => {
    const described = await describe(trx, body)
    const before = { values: valuesOf(schema, described), classes: classesOf(schema, described) }
    return {
      ...applyTo(schema, before, forgiven(entry.id, schema, before.values, modifications)),
      before: before.values,
    }
  }
  // What is wrong with the request is said before anything costly is done; and passwords are hashed before a transaction.
  const early = await objectById(db.reader, 'user', entry.id)
  if (!early) throw new NotDone(resultCode.noSuchObject, 'This person does not exist any more.')
  const { password: wish } = await wished(db.reader, early.body)
  const password = wish && (await takePassword(db, actor, early, wish))
  const [known, allowed, of] = await Promise.all([declared(db), ownFields(db), policies(db)])
  const isSamba = actor.role === 'samba'
  const isUnlocked = await write(db, actor, async (change) => {
    const object = await needUser(change, entry.id)
    refuseStale(object.seq, expectedSeq)
    const { values, classes, before } = await wished(change.trx, object.body)
    const windows = domain && accountChanges(schema, domain, before, values, classes, modifications)
    const others = (all: Values): Values => (windows ? withoutWindows(all, isSamba) : all)
    const input = personInput(schema, others(before), others(values))
    if (isSamba) Object.assign(input, namesShown(before, values))
    needRightTo(actor, object, input, allowed)
    if (windows) {
      needRightInWindows(actor, object.body, windows)
      input.extensions = { ...input.extensions, samba: { account: windows.isOn ? 'yes' : 'no', ...windows.fields } }
    }
    await changeOne(change, known, object, input, password)
    if (windows) await keepWindows(change, db.dir, await needUser(change, entry.id), windows, of)
    const described = await describe(change.trx, (await needUser(change, entry.id)).body)
    if (!isSamba) {
      const asked = [...changedTypes(before, values)].map((type) => [type, values.get(type) ?? []] as const)
      refuseOtherNames(new Map(asked), valuesOf(schema, described))
    }
    if (classes) refuseOtherClasses(schema, classes, classesOf(schema, described), 'is')
    return windows?.flags?.was.includes('L') && !windows.flags.now.includes('L')
  })
  if (password || isUnlocked) await forgetFailures(db, entry.id)
}

/** Who may change what Windows has of somebody: as at any other door. */
function needRightInWindows(actor: Actor, target: UserBody, changes: AccountChanges): void {
  needRight(actor, 'change')
  needSecretRight(actor, changes)
  const { flags, hash, lastSet } = changes
  const isDisabling = flags && flags.was.includes('D') !== flags.now.includes('D')
  if (isDisabling || hash !== undefined || lastSet !== undefined) needRightOver(actor, 'change', target)
}

type Target = { id: string; body: UserBody }

/** People change of their own what the settings let them; nothing of others. */
function needRightTo(
  actor: Actor,
  target: Target,
  input: Partial<UserInput>,
  allowed: Awaited<ReturnType<typeof ownFields>>,
): void {
  if (actor.role === undefined || may(actor.role, 'change')) return
  const isOwn = actor.id === target.id
  const { extensions = {}, ...rest } = input
  const isAllowed = Object.entries(extensions).every(([name, fields]) =>
    Object.keys(fields).every((field) =>
      allowed.some((each) => each.extension.name === name && each.names.includes(field)),
    ),
  )
  if (isOwn && isAllowed && Object.keys(rest).length === 0) return
  throw new Refused(
    isOwn
      ? 'This is not among what people may change themselves.'
      : 'Only administrators change the accounts of others.',
    'role',
  )
}

/** A password that a modify brings, judged and hashed. */
async function takePassword(
  db: Writing['db'],
  actor: Actor,
  target: Target,
  { old, wanted }: PasswordWish,
): Promise<NewPassword> {
  if (wanted === undefined)
    throw new NotDone(resultCode.unwillingToPerform, 'A password is set, not taken away: disable the account instead.')
  const by = await mayBySelfOrOther(db, actor, target, old)
  const given = passwordOf(wanted)
  if ('hash' in given) {
    if (by === 'self') throw new NotDone(resultCode.constraintViolation, 'A password of one’s own is sent as it is.')
    return { hash: given.hash, of: await policies(db), by, mustChange: false }
  }
  await needGoodPassword(db, given.password, target.body, { by })
  const [hash, of] = await Promise.all([hashPassword(given.password), policies(db)])
  return { hash, of, by, mustChange: mustBeChanged(actor, inForce(of, target.body).policy.mustChange) }
}

/** What Samba brings was typed by the person at a Windows computer. */
const mustBeChanged = (actor: Actor, asPolicySays: boolean): boolean =>
  actor.role !== undefined && actor.role !== 'samba' && asPolicySays

/** Whether a person sets the own password, or somebody may who is another; the old one is held against what is kept. */
async function mayBySelfOrOther(
  db: Writing['db'],
  actor: Actor,
  target: Target,
  old: string | undefined,
): Promise<'self' | 'other'> {
  const isSelf = actor.id === target.id
  // First of all, or it would tell whether somebody else's password is right.
  if (!isSelf) needRightOver(actor, 'passwords', target.body)
  if (old !== undefined && !(await confirmPassword(db, target.id, old)))
    throw new NotDone(resultCode.invalidCredentials, 'The old password is not right.')
  return isSelf ? 'self' : 'other'
}

export async function changePassword(
  { db, actor }: Writing,
  entry: Entry,
  wanted: string | undefined,
  old: string | undefined,
): Promise<string | undefined> {
  const target = await objectById(db.reader, 'user', entry.id)
  if (!target) throw new NotDone(resultCode.noSuchObject, 'This person does not exist any more.')
  const by = await mayBySelfOrOther(db, actor, target, old)
  const made = wanted === undefined ? newPassword() : undefined
  if (actor.role !== 'samba') {
    await setPassword(db, actor, entry.id, made ?? wanted!, { by })
    return made
  }
  const before = { hash: await hashOf(db, db.reader, entry.id), lastSet: lastSetOf(target.body) }
  await setPassword(db, actor, entry.id, made ?? wanted!, { by, mustChange: false, atWindows: true })
  rememberBefore(entry.id, before)
  return made
}

export async function renamePerson(
  { db, actor }: Writing,
  entry: Entry,
  name: string,
  expectedSeq: number | undefined,
): Promise<void> {
  if (expectedSeq === undefined) await changeUser(db, actor, entry.id, { username: name })
  else
    await write(db, actor, async (change) => {
      needRight(actor, 'change')
      const object = await needUser(change, entry.id)
      refuseStale(object.seq, expectedSeq)
      await changeOne(change, await declared(db), object, { username: name })
    })
}

export async function removePerson(
  { db, actor }: Writing,
  entry: Entry,
  expectedSeq: number | undefined,
): Promise<void> {
  if (expectedSeq === undefined) return removeUser(db, actor, entry.id)
  needRight(actor, 'change')
  const until = await binUntil(db)
  await write(db, actor, async (change) => {
    refuseStale((await needUser(change, entry.id)).seq, expectedSeq)
    await takeOutUser(change, entry.id, until)
  })
}

/**
 * Classes follow from the attributes. A request that names others is refused: what it means by them would be lost. A new
 * entry may name fewer than it gets.
 */
export function refuseOtherClasses(
  schema: Schema,
  asked: readonly string[],
  follow: readonly string[],
  how: 'has' | 'is',
): void {
  const names = (classes: readonly string[]): Set<string> => {
    // With all above them, as they are written in the schema.
    const all = new Set<string>()
    for (const name of classes) {
      for (
        let of: ObjectClass | undefined = needClass(schema, name);
        of;
        of = of.sup ? schema.objectClassByName(of.sup) : undefined
      )
        all.add(of.name)
    }
    return all
  }
  const [wanted, given] = [names(asked), names(follow)]
  for (const name of wanted)
    if (!given.has(name))
      throw new NotDone(
        resultCode.unwillingToPerform,
        `The class ${name} comes with the attributes of an extension, and the entry has none of those.`,
      )
  if (how === 'has') return
  for (const name of given)
    if (!wanted.has(name))
      throw new NotDone(
        resultCode.objectClassModsProhibited,
        `The class ${name} goes with its attributes: take those away, or leave it.`,
      )
}
