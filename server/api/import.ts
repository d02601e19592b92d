import { setTimeout as wait } from 'node:timers/promises'
import { type ImportJob, importDone, startImport, stopImport } from '../accounts/import.ts'
import type { Call } from './command.ts'

/** Imports a file and tells how far it is; a caller that goes away stops it between two rows. */
export async function importFile(
  { db, actor, progress, signal }: Call,
  given: { file: string; base64: string; dryRun: boolean },
): Promise<ImportJob> {
  const job = await startImport(db, actor, {
    file: given.file,
    text: Buffer.from(given.base64, 'base64'),
    dryRun: given.dryRun,
  })
  const stop = () => stopImport(job.id)
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  while (job.state === 'running') {
    progress({ done: job.done, total: job.total })
    await Promise.race([importDone(job.id), wait(100)])
  }
  const done = await importDone(job.id)
  progress({ done: done.done, total: done.total })
  return done
}
