// Loaded into a node before its program; JavaScript as it stands, as the node has no loader that reads TypeScript. The clock
// of that process is wrong by as many milliseconds as the file says, and jumps when that changes.
import { readFileSync } from 'node:fs'

const real = Date.now
const RealDate = Date
let offset = 0
const read = () => {
  try {
    offset = Number(readFileSync(process.env.TORTURE_CLOCK, 'utf8')) || 0
  } catch {
    offset = 0
  }
}
read()
setInterval(read, 100).unref()

class WrongDate extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(real() + offset)
    else super(...given)
  }
  static now() {
    return real() + offset
  }
}
globalThis.Date = WrongDate
