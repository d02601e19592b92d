/** What this program writes for itself beside files; never part of a set. */
export const ownPrefix = '.account-sync.'

const maxPathBytes = 1000
const maxNameBytes = 200
const maxDepth = 32
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out
const control = /[\u0000-\u001f\u007f]/

/**
 * Why a path cannot be one of a set; undefined when it can. Asked on both sides: a slave does not believe its master, nor a
 * master its directory. What is left are names in folders below the directory of the set, taken literally.
 */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'it has no name'
  if (/[\p{Cs}\ufffd]/u.test(path)) return 'its name is not UTF-8'
  if (control.test(path)) return 'its name holds a control character'
  if (path.includes('\\')) return 'its name holds a backslash'
  if (path.startsWith('/')) return 'its path is absolute'
  if (Buffer.byteLength(path) > maxPathBytes) return `its path is longer than ${maxPathBytes} bytes`
  const parts = path.split('/')
  if (parts.length > maxDepth) return `it lies deeper than ${maxDepth} folders`
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..') return 'its path does not name one place'
    if (Buffer.byteLength(part) > maxNameBytes) return `one of its names is longer than ${maxNameBytes} bytes`
    if (part.startsWith(ownPrefix)) return `names that begin with ${ownPrefix} are this program’s own`
  }
  return undefined
}

/** What a file may be: never set-user-id, never writable for others. */
export const maskedMode = (mode: number): number => (mode & 0o755) | 0o400
