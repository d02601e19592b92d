import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { UserBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { type Change, write } from '../store/write.ts'
import { type DeclaredExtension, declared } from './declarations.ts'
import { settings } from './settings.ts'
import { keepUser } from './user.ts'
import { judgeInput } from './user-input.ts'

/** The fields that people may change on their own page, by extension; extensions that are off have none. */
export async function ownFields(db: Db): Promise<{ extension: DeclaredExtension; names: string[] }[]> {
  const [{ extensions }, { ownFields: allowed }] = await Promise.all([declared(db), settings(db)])
  return extensions.flatMap((extension) => {
    const names = Object.keys(extension.user).filter((name) => allowed.includes(`${extension.name}.${name}`))
    return extension.on && names.length > 0 ? [{ extension, names }] : []
  })
}

type Typed = Record<string, Record<string, string>>

/** Changes of a person to their own account: the fields that the settings name, and nothing else. */
export const changeOwn = (db: Db, actor: Actor, id: string, input: { extensions: Typed }): Promise<void> =>
  turnOwn(db, actor, id, () => input.extensions)

/** `turn` says what is typed, given what stands there: nobody else's change comes in between. */
async function turnOwn(
  db: Db,
  actor: Actor,
  id: string,
  turn: (extensions: UserBody['extensions']) => Typed,
): Promise<void> {
  const known = await declared(db)
  const allowed = await ownPaths(db)
  await write(db, actor, async (change) => {
    const object = await needSelf(change, actor, id)
    const extensions = turn(object.body.extensions)
    refuseOthers(allowed, extensions)
    const { values, problems } = await judgeInput(change.trx, known, { extensions }, object)
    if (Object.keys(problems).length > 0) throw new Invalid(problems)
    const body = { ...object.body, extensions: values.extensions ?? object.body.extensions }
    await keepUser(change, object, body, 'Changed the own account')
  })
}

/** Adds one SSH key to one's own, or takes one away. */
export const addOwnKey = (db: Db, actor: Actor, id: string, key: string): Promise<void> =>
  changeKeys(db, actor, id, (keys) => {
    const typed = key.trim().replace(/\s+/g, ' ')
    if (typed === '') throw new Invalid({ 'shell.sshKeys': 'Paste a key: the whole line of the .pub file.' })
    if (keys.includes(typed)) throw new Invalid({ 'shell.sshKeys': 'This key is in the list already.' })
    return [...keys, typed]
  })

export const removeOwnKey = (db: Db, actor: Actor, id: string, key: string): Promise<void> =>
  changeKeys(db, actor, id, (keys) => {
    if (!keys.includes(key)) throw new NotFound('This key is not in the list any more.')
    return keys.filter((one) => one !== key)
  })

const changeKeys = (db: Db, actor: Actor, id: string, turn: (keys: string[]) => string[]): Promise<void> =>
  turnOwn(db, actor, id, (extensions) => ({ shell: { sshKeys: turn(sshKeysOf(extensions)).join('\n') } }))

export function sshKeysOf(extensions: Record<string, Record<string, unknown>>): string[] {
  const keys = extensions.shell?.sshKeys
  return Array.isArray(keys) ? keys.map(String) : []
}

const ownPaths = async (db: Db): Promise<Set<string>> =>
  new Set((await ownFields(db)).flatMap(({ extension, names }) => names.map((name) => `${extension.name}.${name}`)))

function refuseOthers(allowed: ReadonlySet<string>, typed: Typed): void {
  for (const [extension, fields] of Object.entries(typed))
    for (const name of Object.keys(fields))
      if (!allowed.has(`${extension}.${name}`))
        throw new Refused(`The field ${extension}.${name} is not one that people change themselves.`, 'field')
}

async function needSelf(change: Change, actor: Actor, id: string) {
  const object = actor.id === id ? await change.get('user', id) : undefined
  if (!object) throw new Refused('People change their own account here, and no other.', 'role')
  return object
}
