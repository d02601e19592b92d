import { messageOf } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { forgetSeen, keepSeen, type Place, type Seen } from '../store/file-places.ts'
import { oweAfterwards } from './afterwards.ts'
import { type Folder, inFolderOf, marksOf, openFile, removeFile, syncFolders } from './folder.ts'
import type { Followed } from './follow.ts'
import { maskedMode } from './names.ts'
import type { Step, Wanted } from './plan.ts'
import type { Put } from './put.ts'

/** An undo or an earlier version: here the directory of the master follows the feed. */
export async function obeySteps(
  db: Db,
  place: Place,
  root: Folder,
  steps: Step[],
  put: (wanted: Wanted) => Promise<Put>,
): Promise<Followed> {
  const done: Followed = { changed: 0, problems: [], edited: [] }
  if (steps.some((step) => step.do !== 'forget')) await oweAfterwards(db, place)
  const gone: string[] = []
  for (const step of steps) {
    try {
      if (step.do === 'remove' || step.do === 'forget') {
        if (step.do === 'remove') await removeFile(root, step.path)
        gone.push(step.path)
      }
      if (step.do === 'put') {
        const now = await put(step.wanted)
        await syncFolders(root, [step.path])
        await keepSeen(db.writer, place.setId, [[step.path, { ...now, sha256: step.wanted.sha256 }]])
      }
      if (step.do === 'mode') await keepSeen(db.writer, place.setId, [[step.path, await withMode(root, step.wanted)]])
      if (step.do !== 'forget') done.changed++
    } catch (error) {
      done.problems.push(messageOf(error))
    }
  }
  await forgetSeen(db.writer, place.setId, gone)
  return done
}

/** Sets the mode of a file, and says how it is from now on. */
export const withMode = (root: Folder, wanted: Wanted, content = wanted.sha256): Promise<Seen> =>
  inFolderOf(root, wanted.path, false, async (folder, name) => {
    const file = await openFile(folder, name)
    try {
      await file.chmod(maskedMode(wanted.mode))
      return { ...marksOf(await file.stat({ bigint: true })), sha256: wanted.sha256, content }
    } finally {
      await file.close()
    }
  })
