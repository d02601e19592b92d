import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** A file as it is to become. */
export type FileChange = {
  path: string
  before: string | undefined
  after: string
  mode: number
  /** Kept beside it as it was. */
  keeps?: boolean
}

export const readIfThere = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8') : undefined

export const isChange = ({ before, after }: FileChange): boolean => before !== after

const backup = (path: string): string => `${path}.before-account-sync`

export function writeChange({ path, before, after, mode, keeps }: FileChange): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  if (keeps && before !== undefined && !existsSync(backup(path))) put(backup(path), before, mode)
  put(path, after, mode)
}

/** Never half of it, whatever happens meanwhile. */
function put(path: string, text: string, mode: number): void {
  const fresh = `${path}.account-sync-new`
  rmSync(fresh, { force: true })
  writeFileSync(fresh, text, { mode: 0o600, flush: true })
  chmodSync(fresh, mode)
  renameSync(fresh, path)
}

const secret = /^(\s*bindpw\s+).*$/

/** What changes, line by line; what is secret is not shown. */
export function shownChange({ path, before, after, keeps }: FileChange): string[] {
  const [was, is] = [linesOf(before ?? ''), linesOf(after)]
  const [had, has] = [new Set(was), new Set(is)]
  const gone = was.filter((line) => !has.has(line)).map((line) => `    - ${line}`)
  const come = is.filter((line) => !had.has(line)).map((line) => `    + ${line}`)
  const kept = keeps && before !== undefined && !existsSync(backup(path)) ? `, kept as ${backup(path)}` : ''
  return [`  ${path}${before === undefined ? ' (new)' : kept}`, ...gone, ...come]
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.replace(secret, '$1********').trimEnd())
    .filter(Boolean)
