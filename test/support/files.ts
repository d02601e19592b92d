import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setPlace } from '../../server/filesync/places.ts'
import { addFileSet, type FileSetInput } from '../../server/filesync/sets.ts'
import { ownStates } from '../../server/filesync/states.ts'
import type { Edits } from '../../server/store/file-places.ts'
import { type TestNode, until } from './node.ts'
import { me } from './people.ts'

/** Where a set lies on a node of a test. */
export const dirOn = (node: TestNode, name: string): string => join(node.dir, 'files', name)

export async function aSet(master: TestNode, name: string, given: Partial<FileSetInput> = {}) {
  const set = await addFileSet(master.db, me, { name, ...given })
  await setPlace(master.db, me, name, { dir: dirOn(master, name) })
  return set
}

/** The slave knows the set from its feed first. */
export async function placeOn(node: TestNode, name: string, edits?: Edits, dir = dirOn(node, name)): Promise<void> {
  await until(() =>
    setPlace(node.db, me, name, { dir, edits }).then(
      () => true,
      (error) => {
        if (!/no file set/.test(String(error))) throw error
        return false
      },
    ),
  )
}

export function put(dir: string, path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), content, { mode })
}

/** Every file below a directory with what is in it; transfers that are under way are no files yet. */
export function treeOf(dir: string, path = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(dir, path)).sort()) {
    if (name.startsWith('.account-sync.')) continue
    const full = path === '' ? name : `${path}/${name}`
    if (statSync(join(dir, full)).isDirectory()) Object.assign(found, treeOf(dir, full))
    else found[full] = readFileSync(join(dir, full), 'latin1')
  }
  return found
}

const lookAt = (dir: string): string => {
  try {
    return JSON.stringify(treeOf(dir))
  } catch {
    return ''
  }
}

/** Both directories hold the same. */
export const sameTrees = (one: string, other: string, ms = 10_000): Promise<void> =>
  until(
    () => lookAt(one) !== '' && lookAt(one) === lookAt(other),
    ms,
    () => `${lookAt(one).slice(0, 500)} and ${lookAt(other).slice(0, 500)}`,
  )

export const holds = (dir: string, wanted: Record<string, string>, ms = 10_000): Promise<void> =>
  until(
    () => lookAt(dir) === JSON.stringify(wanted),
    ms,
    () => `${dir}: ${lookAt(dir).slice(0, 500)}`,
  )

export const problemOf = (node: TestNode, setId: string): string | undefined => ownStates(node.db).get(setId)?.problem
