import type { Db } from '../store/db.ts'
import { keepSample, type Sample, samplesSince, trimSamples } from '../store/samples.ts'
import { nodeStatus } from './status.ts'

const hourMs = 3_600_000
const keptDays = 400

const hourOf = (at: number): string => new Date(Math.floor(at / hourMs) * hourMs).toISOString()

/** Keeps how this node and its slaves are now, for the pictures of the home page. */
export async function takeSample(db: Db, now = Date.now()): Promise<void> {
  if (!db.local.mode) return
  const { users, devices, master } = await nodeStatus(db)
  const joined = devices.filter(({ status }) => status === 'active')
  const countOf = (state: string) => joined.filter((device) => device.state === state).length
  await keepSample(db, {
    hour: hourOf(now),
    people: users,
    equal: countOf('equal'),
    behind: countOf('behind'),
    away: countOf('away'),
    lag: master ? Math.round(master.lagSeconds) : Math.max(0, ...joined.map(({ lag }) => lag)),
  })
  await trimSamples(db, hourOf(now - keptDays * 24 * hourMs))
}

/** One entry for each of the last `hours` hours, oldest first; an hour in which this node did not run has no sample. */
export async function hourlySamples(
  db: Db,
  hours: number,
  now = Date.now(),
): Promise<{ hour: string; sample?: Sample }[]> {
  const first = Math.floor(now / hourMs) * hourMs - (hours - 1) * hourMs
  const found = new Map((await samplesSince(db.reader, new Date(first).toISOString())).map((one) => [one.hour, one]))
  return Array.from({ length: hours }, (_, index) => {
    const hour = new Date(first + index * hourMs).toISOString()
    const sample = found.get(hour)
    return { hour, ...(sample && { sample }) }
  })
}

/** How many people there were at the end of each of the last `days` days on this node's clock, oldest first. */
export async function peoplePerDay(
  db: Db,
  days: number,
  today: number,
  now = new Date(),
): Promise<{ day: string; people?: number }[]> {
  const midnight = (index: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - days + 1 + index)
  const samples = await samplesSince(db.reader, midnight(0).toISOString())
  let last: number | undefined
  let next = 0
  return Array.from({ length: days }, (_, index) => {
    const end = midnight(index + 1).toISOString()
    for (; next < samples.length && (samples[next] as Sample).hour < end; next++) last = samples[next]?.people
    const people = index === days - 1 ? today : last
    return { day: midnight(index).toISOString(), ...(people !== undefined && { people }) }
  })
}
