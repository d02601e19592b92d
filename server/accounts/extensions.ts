import type { Actor } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import type { Extension } from '../extensions/extension.ts'
import { extensionByName, extensions } from '../extensions/index.ts'
import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { countFilled } from '../store/users.ts'
import { write } from '../store/write.ts'

export type ListedExtension = Pick<Extension, 'name' | 'title' | 'summary' | 'objectClass'> & {
  on: boolean
  /** How many people have a value in it. */
  users: number
  fields: {
    name: string
    label: string
    attribute: string
    type: string
    required: boolean
    help?: string
    column: string
  }[]
}

export async function extensionList(db: Db): Promise<ListedExtension[]> {
  const states = new Map((await objectsOf(db.reader, 'extension')).map(({ body }) => [body.name, body.on]))
  const counts = await countFilled(
    db.reader,
    extensions.map((extension) => extension.name),
  )
  return extensions.map(({ name, title, summary, objectClass, user }) => ({
    name,
    title,
    summary,
    objectClass,
    on: states.get(name) ?? false,
    users: counts.get(name) ?? 0,
    fields: Object.entries(user).map(([key, { label, attribute, type, required, help, column }]) => ({
      name: key,
      label,
      attribute,
      type,
      required,
      help,
      column: `extensions.${name}.${column ?? key}`,
    })),
  }))
}

/** Turns an extension on or off for the whole cluster. Off hides its attributes everywhere and keeps the values. */
export async function setExtensionOn(db: Db, actor: Actor, name: string, on: boolean): Promise<void> {
  const extension = extensionByName(name)
  if (!extension) throw new NotFound(`There is no extension “${name}”.`)
  await write(db, actor, async (change) => {
    const object = (await objectsOf(change.trx, 'extension')).find(({ body }) => body.name === name)
    if (!object || object.body.on === on) return
    await change.put('extension', object.id, { name, on })
    change.note({
      sentence: `Turned ${extension.title} ${on ? 'on' : 'off'}`,
      object: { kind: 'extension', id: object.id, name },
      changes: [{ field: 'on', before: String(!on), after: String(on) }],
    })
  })
}
