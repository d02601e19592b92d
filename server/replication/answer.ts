import { isUtf8 } from 'node:buffer'
import { type Coding, unpacked } from './coding.ts'
import { type EndLine, type HeadLine, type ObjectLine, readObjectLine } from './wire.ts'

/**
 * An answer that has come whole: head, objects in order, end. `slices` gives the object lines, each time from the first
 * one on.
 */
export type Answer = {
  head: HeadLine
  end: EndLine
  slices: () => Iterable<string[]> | AsyncIterable<string[]>
}

/** The answer is torn, or is not what it says. Nothing of it is used. */
export class BadAnswer extends Error {}

// One object of this size is no account; it would only hold up the node.
const maxLine = 8 * 1024 * 1024
/** Up to this many bytes an answer is kept as lines; beyond it as the packed bytes that came, a fifth to a tenth. */
const maxHeld = 256 * 1024
const endStart = Buffer.from('{"t":"end"')
const newline = 10

/**
 * Reads an answer as it arrives; `onProgress(received, total)` is told meanwhile. Throws BadAnswer when the end line is
 * missing or does not fit: a short answer must never be read as “the rest is gone”.
 */
export async function readAnswer(
  packed: AsyncIterable<Buffer>,
  coding: Coding = 'identity',
  onProgress: (received: number, total: number) => void = () => {},
): Promise<Answer> {
  const came: Buffer[] = []
  let held: string[] | undefined = []
  let length = 0
  let head: HeadLine | undefined
  let end: EndLine | undefined
  let n = 0
  for await (const lines of linesOf(unpackedOrBad(keeping(packed, came), coding))) {
    for (const line of lines) {
      if (end) throw new BadAnswer('something follows its end line')
      if (!head) head = parseHead(line.toString())
      else if (isEnd(line)) end = parseEnd(line.toString())
      else {
        n++
        length += line.length
        held?.push(line.toString())
      }
    }
    if (length > maxHeld) held = undefined
    if (head) onProgress(n, head.count)
  }
  if (!head || !end) throw new BadAnswer('it ended before its end line')
  if (end.n !== n || end.upto !== head.upto) throw new BadAnswer('its end line does not fit its objects')
  const lines = held
  return { head, end, slices: lines ? () => [lines] : () => objectLines(came, coding) }
}

async function* keeping(packed: AsyncIterable<Buffer>, came: Buffer[]): AsyncGenerator<Buffer> {
  for await (const chunk of packed) {
    came.push(chunk)
    yield chunk
  }
}

/** What has been read once is read again, without its head and its end. */
async function* objectLines(came: Buffer[], coding: Coding): AsyncGenerator<string[]> {
  let isFirst = true
  for await (const lines of linesOf(unpacked(came, coding))) {
    if (isFirst && lines.length > 0) {
      lines.shift()
      isFirst = false
    }
    const last = lines.at(-1)
    if (last && isEnd(last)) lines.pop()
    if (lines.length > 0) yield lines.map(String)
  }
}

/** Whole lines, as many at a time as have come. Each is made a text by itself: one foreign letter makes a text twice as long. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    const whole = bytes.subarray(0, bytes.lastIndexOf(newline) + 1)
    rest = bytes.subarray(whole.length)
    if (rest.length > maxLine) throw new BadAnswer('a line is too long')
    if (!isUtf8(whole)) throw new BadAnswer('it is not UTF-8')
    yield linesIn(whole)
  }
  if (rest.length > 0) throw new BadAnswer('it ended before its end line')
}

function linesIn(whole: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let at = 0; at < whole.length; ) {
    const end = whole.indexOf(newline, at)
    lines.push(whole.subarray(at, end))
    at = end + 1
  }
  return lines
}

const isEnd = (line: Buffer): boolean => line.subarray(0, endStart.length).equals(endStart)

async function* unpackedOrBad(packed: AsyncIterable<Buffer>, coding: Coding): AsyncGenerator<Buffer> {
  try {
    yield* unpacked(packed, coding)
  } catch (error) {
    const { code } = error as { code?: unknown }
    // Codes of zlib and of brotli. What is wrong with the line itself keeps its name.
    if (typeof code === 'string' && /^(Z_|ERR__)/.test(code)) throw new BadAnswer('it cannot be unpacked')
    throw error
  }
}

function parseHead(line: string): HeadLine {
  const head = parse(line) as HeadLine
  const fits =
    head?.t === 'head' &&
    ['delta', 'full', 'repair'].includes(head.mode) &&
    [head.cluster, head.epoch, head.sig].every((text) => typeof text === 'string') &&
    [head.since, head.upto, head.count, head.horizon].every(Number.isSafeInteger)
  if (!fits) throw new BadAnswer('its head line is not one')
  return head
}

function parseEnd(line: string): EndLine {
  const end = parse(line) as EndLine
  const fits = /^[0-9a-f]{32}$/.test(end.hash) && [end.upto, end.objects, end.n].every(Number.isSafeInteger)
  if (!fits) throw new BadAnswer('its end line is not one')
  return end
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new BadAnswer('a line is not JSON')
  }
}

/** So many objects are moved at once: LDAP waits for no more than these while very much is applied. */
export const slice = 80

/** The objects of an answer, a slice at a time, checked for order: each comes once, and `seq` only rises. */
export async function* objectsOf(answer: Answer): AsyncGenerator<ObjectLine[]> {
  let last = 0
  let objects: ObjectLine[] = []
  for await (const lines of answer.slices()) {
    for (const line of lines) {
      const object = parseObject(line)
      if (object.seq <= last) throw new BadAnswer('its objects are not in order')
      last = object.seq
      objects.push(object)
      if (objects.length < slice) continue
      yield objects
      objects = []
    }
  }
  if (objects.length > 0) yield objects
}

function parseObject(line: string): ObjectLine {
  try {
    return readObjectLine(line)
  } catch (error) {
    throw new BadAnswer(`an object line cannot be read (${(error as Error).message})`)
  }
}
