import { TextDecoder } from 'node:util'
import { type EndLine, type HeadLine, type ObjectLine, readObjectLine } from './wire.ts'

/** An answer that has come whole: head, objects in order, end. */
export type Answer = { head: HeadLine; lines: string[]; end: EndLine }

/** The answer is torn, or is not what it says. Nothing of it is used. */
export class BadAnswer extends Error {}

// One object of this size is no account; it would only hold up the node.
const maxLine = 8 * 1024 * 1024

/**
 * Reads an answer as it arrives. Lines are kept as text; `onProgress(received, total)` is told as they come. Throws
 * BadAnswer when the end line is missing or does not fit: a short answer must never be read as “the rest is gone”.
 */
export async function readAnswer(
  chunks: AsyncIterable<Buffer | string>,
  onProgress: (received: number, total: number) => void = () => {},
): Promise<Answer> {
  let head: HeadLine | undefined
  let end: EndLine | undefined
  const lines: string[] = []
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  const take = (line: string) => {
    if (end) throw new BadAnswer('something follows its end line')
    if (!head) {
      head = parseHead(line)
    } else if (line.startsWith('{"t":"end"')) {
      end = parseEnd(line)
    } else {
      lines.push(line)
    }
  }
  for await (const chunk of chunks) {
    const text = rest + (typeof chunk === 'string' ? chunk : decode(decoder, chunk))
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      take(text.slice(from, at))
      from = at + 1
    }
    rest = text.slice(from)
    if (rest.length > maxLine) throw new BadAnswer('a line is too long')
    if (head) onProgress(lines.length, head.count)
  }
  if (!head || !end || rest !== '') throw new BadAnswer('it ended before its end line')
  if (end.n !== lines.length || end.upto !== head.upto) throw new BadAnswer('its end line does not fit its objects')
  return { head, lines, end }
}

function decode(decoder: TextDecoder, chunk: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: true })
  } catch {
    throw new BadAnswer('it is not UTF-8')
  }
}

function parseHead(line: string): HeadLine {
  const head = parse(line) as HeadLine
  const fits =
    head.t === 'head' &&
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

/** The object lines of a slice, checked for order: each comes once, and `seq` only rises. */
export function objectsIn(lines: string[], after: number): ObjectLine[] {
  let last = after
  return lines.map((line) => {
    let object: ObjectLine
    try {
      object = readObjectLine(line)
    } catch (error) {
      throw new BadAnswer(`an object line cannot be read (${(error as Error).message})`)
    }
    if (object.seq <= last) throw new BadAnswer('its objects are not in order')
    last = object.seq
    return object
  })
}
