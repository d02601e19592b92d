/** Bars of a small chart in the units of its picture; the page only draws them. */
export type Chart = {
  total: number
  bars: { day: string; changes: number; x: number; y: number; height: number }[]
  lines: { y: number; value: number }[]
  width: number
  height: number
  barWidth: number
}

const width = 420
const top = 8
const floor = 128
const left = 36

export function barsOf(days: readonly { day: string; changes: number }[]): Chart {
  const most = roundUp(Math.max(4, ...days.map((day) => day.changes)))
  const slot = (width - left) / Math.max(1, days.length)
  const heightOf = (changes: number): number => Math.round(((floor - top) * changes) / most)
  return {
    total: days.reduce((sum, day) => sum + day.changes, 0),
    bars: days.map(({ day, changes }, index) => {
      const height = changes === 0 ? 0 : Math.max(2, heightOf(changes))
      return { day, changes, height, x: Math.round(left + index * slot + slot * 0.15), y: floor - height }
    }),
    lines: [0, most / 2, most].map((value) => ({ value, y: floor - heightOf(value) })),
    width,
    height: floor + 20,
    barWidth: Math.round(slot * 0.7),
  }
}

/** 1, 2 or 5 with noughts, and even, so that the middle line is a whole number too. */
function roundUp(value: number): number {
  const scale = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 4, 6, 10].find((one) => one * scale >= value) ?? 10
  return Math.max(4, step * scale)
}
