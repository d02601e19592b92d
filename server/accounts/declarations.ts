import type { Knex } from 'knex'
import type { Extension, Plugin } from '../extensions/extension.ts'
import { builtInExtensions, builtInPlugins } from '../extensions/index.ts'
import { extensionFrom, pluginFrom } from '../extensions/own.ts'
import { type Db, onChanges } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'

/** What a cluster knows: the declarations of the program and its own, each with its state here. */
export type DeclaredExtension = Extension & { id?: string; on: boolean }
export type DeclaredPlugin = Plugin & { id?: string; seq?: number; on: boolean; gidNumber: number }
export type Declared = {
  /** In the order of the form; those that are off are in it. */
  extensions: readonly DeclaredExtension[]
  plugins: readonly DeclaredPlugin[]
  /** By its name or its alias. */
  extension: (name: string) => DeclaredExtension | undefined
  plugin: (name: string) => DeclaredPlugin | undefined
}

const known = new WeakMap<Db, { declared: Promise<Declared> | undefined }>()

/** Read once and kept until an extension or a plugin changes. */
export function declared(db: Db): Promise<Declared> {
  let kept = known.get(db)
  if (!kept) {
    const mine: { declared: Promise<Declared> | undefined } = { declared: undefined }
    kept = mine
    known.set(db, mine)
    onChanges(db, (changes) => {
      if (changes === 'all' || changes.some(({ kind }) => kind === 'extension' || kind === 'plugin'))
        mine.declared = undefined
    })
  }
  const reading = kept.declared ?? declaredIn(db.reader)
  kept.declared = reading
  reading.catch(() => known.delete(db))
  return reading
}

/** As a transaction sees it, for what must not be a commit behind. */
export async function declaredIn(trx: Knex): Promise<Declared> {
  const states = await objectsOf(trx, 'extension')
  const switches = await objectsOf(trx, 'plugin')
  const stateOf = new Map(states.map(({ id, body }) => [body.name, { id, on: body.on }]))
  const switchOf = new Map(
    switches.map(({ id, seq, body }) => [body.name, { id, seq, on: body.on, gidNumber: body.gidNumber }]),
  )
  const extensions = [
    ...builtInExtensions,
    ...states.flatMap(({ body }) => (body.own ? [extensionFrom(body.name, body.own)] : [])),
  ].map((extension) => ({ ...extension, on: false, ...stateOf.get(extension.name) }))
  const plugins = [
    ...builtInPlugins,
    ...switches.flatMap(({ body }) => (body.own ? [pluginFrom(body.name, body.own)] : [])),
  ].map((plugin) => ({ ...plugin, on: false, gidNumber: 0, ...switchOf.get(plugin.name) }))
  return {
    extensions,
    plugins,
    extension: (called) => extensions.find(({ name, alias }) => [name, alias?.name.toLowerCase()].includes(called)),
    plugin: (name) => plugins.find((plugin) => plugin.name === name),
  }
}
