import { X509Certificate } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { z } from 'zod'
import { readOwn } from '../mode/certificates.ts'
import type { Db } from '../store/db.ts'
import { pagesAt, syncPortOf } from './serving.ts'

/** What a slave tells of itself with each request: short, and nothing of it is secret. */
export type Report = z.output<typeof shape> & {
  /** How far its clock is ahead of the master's, as the master saw it. */
  clockMs?: number
}

/** Why the last exchange failed, as the slave says it; gone once one succeeds. */
export type Trouble = { code: string; text: string; since: string }

const moment = z.iso.datetime().max(32)
const shape = z.object({
  /** Its clock, milliseconds since 1970. */
  clock: z.number().optional(),
  disk: z.object({ free: z.number().min(0), total: z.number().min(0) }).optional(),
  certificateUntil: moment.optional(),
  /** Where its pages are. */
  web: z.string().max(300).optional(),
  /** Where it would answer slaves, were it the master. */
  port: z.int().min(1).max(65_535).optional(),
  trouble: z.object({ code: z.string().max(32), text: z.string().max(400), since: moment }).optional(),
})

const looked = new WeakMap<Db, { at: number; disk?: Report['disk']; certificateUntil?: string }>()
const lookEveryMs = 20_000

/** This slave's report as a header carries it. */
export async function ownReport(db: Db, trouble: Trouble | undefined): Promise<string> {
  const { at: _, ...seen } = await look(db)
  const [web, port] = [pagesAt(db), syncPortOf(db)]
  const report: Report = {
    clock: Date.now(),
    ...seen,
    ...(web && { web }),
    ...(port && { port }),
    ...(trouble && { trouble: { ...trouble, text: trouble.text.slice(0, 300) } }),
  }
  return encodeURIComponent(JSON.stringify(report))
}

/** How much room this node has; undefined where the disk does not say. */
export const ownDisk = async (db: Db): Promise<Report['disk']> => (await look(db)).disk

async function look(db: Db) {
  const known = looked.get(db)
  if (known && performance.now() - known.at < lookEveryMs) return known
  const disk = await statfs(db.dir).then(
    ({ bavail, blocks, bsize }) => ({ free: bavail * bsize, total: blocks * bsize }),
    () => undefined,
  )
  const own = readOwn(db.dir)?.certificate
  const certificateUntil = own && new Date(new X509Certificate(own).validTo).toISOString()
  const seen = { at: performance.now(), ...(disk && { disk }), ...(certificateUntil && { certificateUntil }) }
  looked.set(db, seen)
  return seen
}

/** What a slave said, and how far its clock is off; undefined when it said nothing that can be read. */
export function readReport(header: string | undefined, now = Date.now()): Report | undefined {
  if (!header) return undefined
  try {
    const report = shape.safeParse(JSON.parse(decodeURIComponent(header))).data
    return report && { ...report, ...(report.clock !== undefined && { clockMs: Math.round(report.clock - now) }) }
  } catch {
    return undefined
  }
}
