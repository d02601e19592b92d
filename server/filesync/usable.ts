import type { KeptFile } from '../store/files-kept.ts'
import { pathProblem } from './names.ts'
import type { Wanted } from './plan.ts'

/** What of a set this node takes: files that are for it, and nothing that could lead out of its directory or is no announcement. */
export function usable(
  files: readonly KeptFile[],
  deviceId: string,
): { wanted: Map<string, Wanted>; problems: string[] } {
  const wanted = new Map<string, Wanted>()
  const problems: string[] = []
  for (const file of files) {
    if (file.for !== undefined && file.for !== deviceId) continue
    const problem = pathProblem(String(file.path)) ?? oddness(file)
    if (problem) problems.push(`“${String(file.path).slice(0, 80)}” is not taken: ${problem}.`)
    else wanted.set(file.path, file)
  }
  for (const path of wanted.keys()) {
    // One name cannot be a file and a folder.
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      if (!wanted.has(path.slice(0, at))) continue
      problems.push(`“${path}” is not taken: “${path.slice(0, at)}” is a file.`)
      wanted.delete(path)
      break
    }
  }
  return { wanted, problems }
}

function oddness({ sha256, size, mode }: KeptFile): string | undefined {
  if (!/^[0-9a-f]{64}$/.test(sha256)) return 'its content is not named by a SHA-256'
  if (!Number.isSafeInteger(size) || size < 0) return 'its size is no number of bytes'
  if (!Number.isSafeInteger(mode)) return 'its mode is no number'
  return undefined
}
