import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { editStep } from '../audit/steps.ts'
import { Invalid, NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import type { FileVersion } from '../store/file-bodies.ts'
import { filesOf, type KeptFile } from '../store/files-kept.ts'
import { write } from '../store/write.ts'
import { hasBlob, readBlob } from './blobs.ts'
import { type DiffLine, diffOf } from './diff.ts'
import { nextVersion, said } from './publish.ts'
import { fileSetByName } from './sets.ts'

export type Versions = { file: KeptFile; versions: (FileVersion & { isNow: boolean; isKept: boolean })[] }

/** A file with the versions that are kept, the latest first. */
export async function versionsOf(db: Db, setName: string, path: string): Promise<Versions> {
  const set = await fileSetByName(db, setName)
  const file = (await filesOf(db.reader, set.id)).find((one) => one.path === path)
  if (!file) throw new NotFound(`There is no file “${path}” in ${set.name}.`)
  const all = [file, ...file.earlier]
  const versions = await Promise.all(
    all.map(async ({ at, mode, sha256, size, version }, index) => {
      const isKept = !file.sealed && (await hasBlob(db.dir, sha256))
      return { at, mode, sha256, size, version, isNow: index === 0, isKept }
    }),
  )
  return { file, versions }
}

const textBytes = 1024 * 1024

/** What a version holds, where it is text that a page can show. */
async function textOf(db: Db, { sha256, size, version }: FileVersion): Promise<string> {
  if (size > textBytes)
    throw new Invalid({ '': `Version ${version} is longer than 1 MB; only shorter texts are compared.` })
  if (!(await hasBlob(db.dir, sha256))) throw new NotFound(`Version ${version} is not kept on this node.`)
  const bytes = await readBlob(db.dir, sha256)
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text
  } catch {
    // What is no UTF-8 may still be a script of Windows, one byte a letter.
    if (!bytes.includes(0)) return new TextDecoder('windows-1252').decode(bytes)
  }
  throw new Invalid({ '': `Version ${version} is no text, so it cannot be compared line by line.` })
}

/** Line by line, what a version has that an earlier one had not. */
export async function compareVersions(
  db: Db,
  setName: string,
  path: string,
  from?: number,
  to?: number,
): Promise<{ from: number; to: number; lines: DiffLine[] }> {
  const { file, versions } = await versionsOf(db, setName, path)
  if (file.sealed) throw new Invalid({ '': `“${path}” can be read by one node only.` })
  const number = (asked: number | undefined, at: number) => {
    const found = asked === undefined ? versions[at] : versions.find(({ version }) => version === asked)
    if (!found)
      throw new NotFound(asked === undefined ? `“${path}” has one version only.` : `Version ${asked} is not kept.`)
    return found
  }
  const [new_, old] = [number(to, 0), number(from, 1)]
  return { from: old.version, to: new_.version, lines: diffOf(await textOf(db, old), await textOf(db, new_)) }
}

/** Makes an earlier version the one of now; the directory on the master follows. */
export async function restoreVersion(
  db: Db,
  actor: Actor,
  setName: string,
  path: string,
  version: number,
): Promise<number> {
  needRight(actor, 'change')
  const { file } = await versionsOf(db, setName, path)
  return write(db, actor, async (change) => {
    const object = await change.get('file', file.id)
    if (!object) throw new NotFound(`There is no file “${path}” in ${setName}.`)
    const { body } = object
    const wanted = body.earlier.find((one) => one.version === version)
    if (!wanted || body.sealed) throw new NotFound(`Version ${version} of “${path}” is not kept.`)
    if (!(await hasBlob(db.dir, wanted.sha256)))
      throw new NotFound(`Version ${version} of “${path}” is not kept here any more.`)
    const { set, path: at } = body
    const now = nextVersion(body, { set, path: at, ...(body.for && { for: body.for }) }, wanted)
    await change.put('file', file.id, now)
    const step = editStep('file', file.id, body, now)
    change.note({
      sentence: `Restored version ${version} of ${path} in ${setName}`,
      object: { kind: 'file-set', id: body.set, name: setName },
      changes: [{ field: path, before: said(body), after: said(now) }],
      ...(step && { undo: [step] }),
    })
    return now.version
  })
}
