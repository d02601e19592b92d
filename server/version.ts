import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

function findRoot(folder: string): string {
  try {
    readFileSync(join(folder, 'package.json'))
    return folder
  } catch {
    return findRoot(dirname(folder))
  }
}

/** Where package.json, views and public stand; the same from source and from dist. */
export const root = findRoot(dirname(fileURLToPath(import.meta.url)))

export const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
