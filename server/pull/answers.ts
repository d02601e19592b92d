import { type Duplex, PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createBrotliCompress, createGzip } from 'node:zlib'
import type { Coding } from '../replication/coding.ts'
import { answerLines, bucketLines } from '../replication/master.ts'
import { isWhole, nameOfScope, scopedLines } from '../replication/scope.ts'
import type { DeviceScope } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'

/** An answer as it goes over the line. */
export type Encoded = { body: Buffer; coding: Coding }

export type Answers = {
  since: (since: number, coding: Coding, scope?: DeviceScope) => Promise<Encoded>
  buckets: (wanted: Set<number>, since: number, coding: Coding, scope?: DeviceScope) => Promise<Encoded>
}

/** Below this, compressing costs more than it saves. */
const compressFrom = 4096
/** An answer larger than this is kept for the others who ask at the same time, and then given up. */
const keptBytes = 64 * 1024
const largeKeptMs = 10_000

/**
 * Answers, encoded once and shared: a thousand slaves that wait for the same change cost one query and one encoding, not a
 * thousand. Each belongs to one head of the feed and is forgotten with it.
 */
export function createAnswers(db: Db): Answers {
  const made = new Map<string, Promise<Encoded>>()
  const inScope = (lines: AsyncGenerator<string>, scope: DeviceScope | undefined) =>
    isWhole(scope) ? lines : scopedLines(db, scope, lines)
  onChanges(db, () => made.clear())
  return {
    since: (since, coding, scope) => {
      const name = `${since} ${coding} ${nameOfScope(scope)}`
      const known = made.get(name)
      if (known) return known
      const encoded = encode(inScope(answerLines(db, since), scope), coding)
      made.set(name, encoded)
      const forget = () => made.get(name) === encoded && made.delete(name)
      encoded.then(({ body }) => body.length > keptBytes && setTimeout(forget, largeKeptMs).unref(), forget)
      return encoded
    },
    buckets: (wanted, since, coding, scope) => encode(inScope(bucketLines(db, wanted, since), scope), coding),
  }
}

/** Compresses line by line, so that the plain text of a full answer is never in memory as a whole. */
async function encode(lines: AsyncGenerator<string>, wanted: Coding): Promise<Encoded> {
  const [first, isAll] = await beginning(lines)
  if (isAll) return { body: Buffer.from(first), coding: 'identity' }
  const parts: Buffer[] = []
  await pipeline(
    async function* () {
      yield first
      yield* lines
    },
    coderOf(wanted),
    async (coded: AsyncIterable<Buffer>) => {
      for await (const part of coded) parts.push(part)
    },
  )
  return { body: Buffer.concat(parts), coding: wanted }
}

/** The first lines up to the size that is worth compressing, and whether that is all. */
async function beginning(lines: AsyncGenerator<string>): Promise<[text: string, isAll: boolean]> {
  let text = ''
  while (text.length < compressFrom) {
    const next = await lines.next()
    if (next.done) return [text, true]
    text += next.value
  }
  return [text, false]
}

function coderOf(coding: Coding): Duplex {
  // Quality 1 of brotli is both smaller and faster than gzip here; more quality costs more time than the line saves.
  if (coding === 'br') return createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })
  return coding === 'gzip' ? createGzip({ level: 1 }) : new PassThrough()
}
