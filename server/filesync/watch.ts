import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'

/** So many folders are watched for one set; what changes elsewhere is found by the next scan. */
const most = 2000

/** Tells when something changes in folders; the list is brought up to date after each scan. */
export function createWatch(onChange: () => void) {
  const watchers = new Map<string, FSWatcher>()
  return {
    folders: (dir: string, folders: readonly string[]): void => {
      const wanted = new Set(folders.slice(0, most).map((folder) => (folder === '' ? dir : join(dir, folder))))
      for (const [path, watcher] of watchers)
        if (!wanted.has(path)) {
          watcher.close()
          watchers.delete(path)
        }
      for (const path of wanted) if (!watchers.has(path)) add(path)
    },
    close: (): void => {
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
    },
  }

  function add(path: string): void {
    try {
      const watcher = watch(path, { persistent: false }, onChange)
      watcher.on('error', () => {
        watcher.close()
        watchers.delete(path)
      })
      watchers.set(path, watcher)
    } catch {
      // Gone again, or the kernel gives no more of them: the scan finds what changes.
    }
  }
}
