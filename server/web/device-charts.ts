import type { LagPoint } from '../replication/lags.ts'
import { type Chart, columnsChart } from './chart.ts'
import { count, hourOf } from './say.ts'

/** How far one slave was behind at worst, in each half hour of a day. */
export function behindChart(points: readonly LagPoint[]): Chart {
  const most = Math.max(0, ...points.map(({ changes }) => changes ?? 0))
  const seconds = Math.max(0, ...points.map((point) => point.seconds ?? 0))
  const sentence =
    most === 0
      ? 'Never behind in 24 hours.'
      : `At most ${count(most, 'change')} behind, and for ${seconds < 60 ? `${seconds.toFixed(1)} s` : count(Math.round(seconds / 60), 'minute')}.`
  return columnsChart(
    { sentence, head: 'From', series: [{ name: 'changes behind', look: most > 0 ? 'look' : 'main' }] },
    points.map(({ at, changes }, index) => ({
      label: index === points.length - 1 ? 'now' : hourOf(at),
      name: hourOf(at),
      values: [changes],
    })),
  )
}
