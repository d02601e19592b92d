/** Several lines that change while they are shown. On a terminal they are drawn over; elsewhere each change of text is one line. */
export type Board = {
  /** Sets the text of a line; `done` of `total` draws a bar behind it. */
  set(name: string, text: string, done?: number, total?: number): void
  /** Leaves the lines as they are and stops drawing. */
  end(): void
}

type Line = { text: string; done?: number; total?: number }

const frameMs = 80
const barWidth = 28

/** `labels`: each line begins with its name. */
export function board({ labels = false, out = process.stderr } = {}): Board {
  const label = (name: string) => (labels ? `${name.padEnd(9)} ` : '')
  return out.isTTY ? drawn(out, label) : written(out, label)
}

type Label = (name: string) => string

function written(out: NodeJS.WriteStream, label: Label): Board {
  const last = new Map<string, string>()
  return {
    set: (name, text) => {
      if (last.get(name) === text) return
      last.set(name, text)
      out.write(`${label(name)}${text}\n`)
    },
    end: () => {},
  }
}

function drawn(out: NodeJS.WriteStream, label: Label): Board {
  const lines = new Map<string, Line>()
  let shown = 0
  let timer: NodeJS.Timeout | undefined
  const draw = () => {
    timer = undefined
    const up = shown > 0 ? `\x1b[${shown}A` : ''
    out.write(up + [...lines].map(([name, line]) => `\r\x1b[2K${fit(label(name), line, out.columns || 80)}\n`).join(''))
    shown = lines.size
  }
  return {
    set: (name, text, done, total) => {
      lines.set(name, { text, done, total })
      timer ??= setTimeout(draw, frameMs)
    },
    end: () => {
      clearTimeout(timer)
      draw()
      lines.clear()
      shown = 0
    },
  }
}

/** One line of the terminal, never more: a line that wraps could not be drawn over. */
const fit = (label: string, line: Line, columns: number): string =>
  [...`${label}${bar(line)}${line.text}`].slice(0, columns - 1).join('')

function bar({ done, total }: Line): string {
  if (done === undefined || !total) return ''
  const full = Math.round((Math.min(done, total) / total) * barWidth)
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} `
}
