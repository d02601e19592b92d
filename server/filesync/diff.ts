export type DiffLine = { is: 'same' | 'added' | 'removed' | 'skipped'; text: string }

const mostLines = 20_000
const mostWork = 4_000_000
const around = 3

/** Two texts line by line (Myers, An O(ND) Difference Algorithm); of what is the same, a few lines around the rest. */
export function diffOf(old: string, fresh: string): DiffLine[] {
  const [a, b] = [linesOf(old), linesOf(fresh)]
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const same = (lines: string[]) => lines.map((text): DiffLine => ({ is: 'same', text }))
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end))
  return shortened([...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))])
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))

function between(a: string[], b: string[]): DiffLine[] {
  const trace = a.length + b.length > mostLines ? undefined : search(a, b)
  // Hardly anything in common, or too long: one after the other says it as well.
  if (!trace) return [...a.map(removed), ...b.map(added)]
  const lines: DiffLine[] = []
  let [x, y] = [a.length, b.length]
  for (let d = trace.length - 1; d >= 0; d--) {
    const v = trace[d] as Map<number, number>
    const k = x - y
    const at = (diagonal: number) => v.get(diagonal) ?? -1
    const before = k === -d || (k !== d && at(k - 1) < at(k + 1)) ? k + 1 : k - 1
    const fromX = d === 0 ? 0 : at(before)
    const fromY = d === 0 ? 0 : fromX - before
    while (x > fromX && y > fromY) {
      lines.push({ is: 'same', text: a[--x] as string })
      y--
    }
    if (d === 0) break
    if (x === fromX) lines.push(added(b[--y] as string))
    else lines.push(removed(a[--x] as string))
  }
  return lines.reverse()
}

const removed = (text: string): DiffLine => ({ is: 'removed', text })
const added = (text: string): DiffLine => ({ is: 'added', text })

/** How far each diagonal came, before each step. */
function search(a: string[], b: string[]): Map<number, number>[] | undefined {
  const trace: Map<number, number>[] = []
  const v = new Map([[1, 0]])
  let work = 0
  for (let d = 0; d <= a.length + b.length; d++) {
    trace.push(new Map(v))
    work += v.size
    if (work > mostWork) return undefined
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (v.get(k - 1) ?? -1) < (v.get(k + 1) ?? -1))
      let x = down ? (v.get(k + 1) ?? 0) : (v.get(k - 1) ?? 0) + 1
      let y = x - k
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++
        y++
      }
      v.set(k, x)
      if (x >= a.length && y >= b.length) return trace
    }
  }
  return trace
}

function shortened(lines: DiffLine[]): DiffLine[] {
  const shown = new Set<number>()
  for (const [index, { is }] of lines.entries())
    if (is !== 'same') for (let at = index - around; at <= index + around; at++) shown.add(at)
  const short: DiffLine[] = []
  let skipped = 0
  const tell = () => {
    if (skipped > 0) short.push({ is: 'skipped', text: `${skipped} lines that are the same` })
    skipped = 0
  }
  for (const [index, line] of lines.entries()) {
    if (!shown.has(index)) skipped++
    else {
      tell()
      short.push(line)
    }
  }
  tell()
  return short
}
