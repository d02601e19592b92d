/** One column of a chart: what stands under it, what its row in the table is called, a value for each series. */
export type Column = { label: string; name: string; values: readonly (number | undefined)[] }

export type Series = { name: string; look: 'main' | 'good' | 'look' | 'bad' }

/** A chart in the units of its picture; the page only draws it. */
export type Chart = {
  /** What it says, for who does not see it. */
  sentence: string
  /** Head of the first column of the table. */
  head: string
  series: readonly Series[]
  /** No column has a value, not even 0. */
  isUnknown: boolean
  bars: { name: string; values: readonly (number | undefined)[]; parts: Part[]; title: string }[]
  ticks: { x: number; label: string; anchor: 'start' | 'middle' | 'end' }[]
  lines: { y: number; value: number }[]
  width: number
  height: number
  left: number
}

type Part = { look: Series['look']; x: number; y: number; width: number; height: number }

const width = 420
const top = 8
const floor = 128
const left = 40

/** Columns side by side, their series one on top of the other. */
export function columnsChart(
  { sentence, head, series }: Pick<Chart, 'sentence' | 'head' | 'series'>,
  columns: readonly Column[],
): Chart {
  const most = roundUp(Math.max(4, ...columns.map(({ values }) => sum(values))))
  const slot = (width - left) / Math.max(1, columns.length)
  const barWidth = round(slot * 0.72)
  const heightOf = (value: number): number => (value === 0 ? 0 : Math.max(1.5, ((floor - top) * value) / most))
  return {
    sentence,
    head,
    series,
    isUnknown: columns.every(({ values }) => values.every((value) => value === undefined)),
    bars: columns.map(({ name, values }, index) => {
      const x = round(left + index * slot + slot * 0.14)
      let y = floor
      const parts = series.flatMap(({ look }, at) => {
        const height = round(heightOf(values[at] ?? 0))
        if (height === 0) return []
        y = round(y - height)
        return [{ look, x, y, width: barWidth, height }]
      })
      return { name, values, parts, title: titleOf(name, series, values) }
    }),
    ticks: ticksOf(columns, slot),
    lines: [0, most / 2, most].map((value) => ({ value, y: round(floor - ((floor - top) * value) / most) })),
    width,
    height: floor + 20,
    left,
  }
}

/** About five labels, the last column always among them. */
function ticksOf(columns: readonly Column[], slot: number): Chart['ticks'] {
  const step = Math.max(1, Math.ceil(columns.length / 5))
  const last = columns.length - 1
  return columns.flatMap(({ label }, index) =>
    (last - index) % step === 0
      ? [
          index === last
            ? { x: width, label, anchor: 'end' as const }
            : { x: round(left + (index + 0.5) * slot), label, anchor: 'middle' as const },
        ]
      : [],
  )
}

const titleOf = (name: string, series: readonly Series[], values: Column['values']): string =>
  `${name}: ${series.map((one, at) => `${values[at] ?? 'nothing known'} ${one.name}`).join(', ')}`

const sum = (values: Column['values']): number => values.reduce<number>((all, value) => all + (value ?? 0), 0)

const round = (value: number): number => Math.round(value * 10) / 10

/** 1, 2, 4, 6 or 10 with noughts, so that the middle line is a whole number too. */
function roundUp(value: number): number {
  const scale = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 4, 6, 10].find((one) => one * scale >= value) ?? 10
  return Math.max(4, step * scale)
}

/** A line as small as a word; `most` is shared by all lines of a column. */
export type Spark = { path: string; width: number; height: number }

export function spark(values: readonly (number | undefined)[], most: number): Spark {
  const [wide, high] = [82, 24]
  const step = values.length > 1 ? (wide - 4) / (values.length - 1) : 0
  let path = ''
  let isDown = false
  for (const [index, value] of values.entries()) {
    if (value === undefined) {
      isDown = false
      continue
    }
    const [x, y] = [round(2 + index * step), round(high - 3 - ((high - 6) * Math.min(value, most)) / most)]
    path += `${isDown ? 'L' : 'M'}${x} ${y}`
    // A single point is a short line.
    if (!isDown && (index === values.length - 1 || values[index + 1] === undefined)) path += `h${index === 0 ? 2 : -2}`
    isDown = true
  }
  return { path, width: wide, height: high }
}
