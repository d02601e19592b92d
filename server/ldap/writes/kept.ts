import { needRight } from '../../accounts/roles.ts'
import { insertKept, keepKept, needKept, takeOutKept } from '../../samba/kept.ts'
import type { KeptBody } from '../../store/bodies.ts'
import { objectsOf } from '../../store/objects.ts'
import { write } from '../../store/write.ts'
import { describeKept } from '../entries/windows.ts'
import type { Entry } from '../entry.ts'
import { NotDone } from '../not-done.ts'
import type { Schema } from '../schema.ts'
import { resultCode } from '../wire/result.ts'
import { type NewEntry, refuseStale, type Writing } from '../writer.ts'
import { applyTo, type Modification, needClass } from './changes.ts'
import { type Values, valuesOf } from './values.ts'
import { windowsOf } from './windows.ts'

/** Classes of what Samba keeps in a directory for itself. */
const itsClasses = new Set(
  'top sambasidentry sambagroupmapping sambaidmapentry sambaunixidpool sambatrusteddomainpassword sambatrustpassword'.split(
    ' ',
  ),
)

function refuseOthers(schema: Schema, classes: readonly string[], values: Values): void {
  const known = classes.map((name) => needClass(schema, name))
  const other = known.find(({ name }) => !itsClasses.has(name.toLowerCase()))
  if (other) throw new NotDone(resultCode.unwillingToPerform, `Entries of the class ${other.name} are not kept here.`)
  const allowed = new Set(known.flatMap(({ must, may }) => [...must, ...may]))
  for (const type of values.keys())
    if (!type.names.some((name) => allowed.has(name)))
      throw new NotDone(resultCode.objectClassViolation, `No class of this entry has ${type.names[0]}.`)
  for (const { name, must } of known)
    for (const needed of must)
      if (needed !== 'objectClass' && ![...values.keys()].some(({ names }) => names.includes(needed)))
        throw new NotDone(resultCode.objectClassViolation, `${name} asks for ${needed}.`)
}

/** What the directory itself keeps of every entry is no value of this one. */
const own = (values: Values): Values => new Map([...values].filter(([{ isOperational }]) => !isOperational))

const textsOf = (values: Values): KeptBody['values'] =>
  Object.fromEntries([...values].map(([type, texts]) => [type.names[0]!, [...texts]]))

export async function addKept({ db, directory, actor }: Writing, entry: NewEntry): Promise<void> {
  needRight(actor, 'change')
  windowsOf(directory.tree)
  const { place: below, rdn, classes, values } = entry
  if (below !== 'groups' && below !== 'idmap' && below !== 'windows')
    throw new NotDone(resultCode.unwillingToPerform, 'Entries of this class are not kept here.')
  refuseOthers(directory.tree.schema, classes, values)
  const kept = { below, rdn, classes: [...classes], values: textsOf(values) }
  await write(db, actor, (change) => insertKept(change, db.dir, kept))
}

export async function modifyKept(
  { db, directory, actor }: Writing,
  entry: Entry,
  modifications: readonly Modification[],
  expectedSeq: number | undefined,
): Promise<void> {
  needRight(actor, 'change')
  const { schema } = directory.tree
  await write(db, actor, async (change) => {
    const object = await needKept(change, db.dir, entry.id)
    refuseStale(object.seq, expectedSeq)
    const described = describeKept(entry.id, object.body)
    const before = { values: valuesOf(schema, described), classes: described.classes }
    const { values: all, classes = described.classes } = applyTo(schema, before, modifications)
    const values = own(all)
    refuseOthers(schema, classes, values)
    await keepKept(change, db.dir, entry.id, { ...object.body, classes: [...classes], values: textsOf(values) })
  })
}

/** ou=Idmap itself holds the numbers that Samba gives out next. */
export async function modifyIdmap(
  { db, directory, actor }: Writing,
  modifications: readonly Modification[],
): Promise<void> {
  needRight(actor, 'change')
  windowsOf(directory.tree)
  const { schema } = directory.tree
  await write(db, actor, async (change) => {
    const there = (await objectsOf(change.trx, 'kept')).find(({ body }) => body.below === 'base')
    const body = there?.body ?? { below: 'base' as const, rdn: 'ou=Idmap', classes: [], values: {} }
    const described = describeKept('', { added: '', changed: '', ...body })
    const before = { values: valuesOf(schema, described), classes: ['organizationalUnit', ...described.classes] }
    const { values: all, classes = before.classes } = applyTo(schema, before, modifications)
    const values = own(all)
    const others = classes.filter((name) => !/^(organizationalUnit|top)$/i.test(name))
    refuseOthers(schema, others, values)
    const kept = { ...body, classes: others, values: textsOf(values) }
    if (there) await keepKept(change, db.dir, there.id, { ...there.body, ...kept })
    else await insertKept(change, db.dir, kept)
  })
}

export async function removeKept({ db, actor }: Writing, entry: Entry, expectedSeq: number | undefined): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    refuseStale((await needKept(change, db.dir, entry.id)).seq, expectedSeq)
    await takeOutKept(change, entry.id)
  })
}
