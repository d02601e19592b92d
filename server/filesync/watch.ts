import { type FSWatcher, watch } from 'node:fs'
import { basename, join } from 'node:path'
import { ownPrefix } from './names.ts'

/** So many folders are watched for one set; what changes elsewhere is found by the next scan. */
const most = 2000

/** Tells when something that is not this program’s own changes in folders; the list is brought up to date after each scan. */
export function createWatch(onChange: () => void, waitMs: () => number) {
  const watchers = new Map<string, FSWatcher>()
  let timer: NodeJS.Timeout | undefined
  return {
    folders: (dir: string, folders: readonly string[]): void => {
      const wanted = new Set(folders.slice(0, most).map((folder) => (folder === '' ? dir : join(dir, folder))))
      for (const [path, watcher] of watchers)
        if (!wanted.has(path)) {
          watcher.close()
          watchers.delete(path)
        }
      const known = watchers.size
      for (const path of wanted) if (!watchers.has(path)) add(path)
      // It may have changed between the look at it and now.
      if (watchers.size > known) soon()
    },
    close: (): void => {
      clearTimeout(timer)
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
    },
  }

  /** What goes on changing is not told of all the time. */
  function soon(): void {
    if (timer) return
    timer = setTimeout(() => {
      timer = undefined
      onChange()
    }, waitMs()).unref()
  }

  function add(path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, (event, name) => {
        // What is written beside a file, over and over where it cannot be put in place, is no change of it.
        if (name?.startsWith(ownPrefix)) return
        // The folder itself is gone, or something in it that has its name: another one may be made in its place.
        if (event === 'rename' && name === basename(path)) end()
        soon()
      })
      const end = () => {
        watcher.close()
        if (watchers.get(path) === watcher) watchers.delete(path)
      }
      watcher.on('error', end)
      watchers.set(path, watcher)
    } catch {
      // Gone again, or the kernel gives no more of them: the scan finds what changes.
    }
  }
}

/** The folders in which files of these paths lie, '' for the first. */
export function foldersOf(paths: Iterable<string>): string[] {
  const folders = new Set([''])
  for (const path of paths)
    for (let at = path.lastIndexOf('/'); at > 0 && !folders.has(path.slice(0, at)); at = path.lastIndexOf('/', at - 1))
      folders.add(path.slice(0, at))
  return [...folders].sort((a, b) => (a < b ? -1 : 1))
}
