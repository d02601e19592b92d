import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { answerLines, bucketLines } from '../replication/master.ts'
import { type Db, onChanges } from '../store/db.ts'

export type Coding = 'br' | 'gzip' | 'identity'

const brotli = promisify(brotliCompress)
const deflate = promisify(gzip)

/** Below this, compressing costs more than it saves. */
const compressFrom = 1024

/**
 * Answers, encoded once and shared: a thousand slaves that wait for the same change cost one query and one encoding, not a
 * thousand. Each belongs to one head of the feed and is forgotten with it.
 */
export function createAnswers(db: Db): {
  since: (since: number, coding: Coding) => Promise<Encoded>
  buckets: typeof encodeBuckets
} {
  const made = new Map<string, Promise<Encoded>>()
  onChanges(db, () => made.clear())
  return {
    since: (since, coding) => {
      const name = `${since} ${coding}`
      const known = made.get(name)
      if (known) return known
      const encoded = encode(answerLines(db, since), coding)
      made.set(name, encoded)
      encoded.catch(() => made.delete(name))
      return encoded
    },
    buckets: encodeBuckets,
  }

  function encodeBuckets(wanted: Set<number>, coding: Coding): Promise<Encoded> {
    return encode(bucketLines(db, wanted), coding)
  }
}

export type Encoded = { body: Buffer; coding: Coding }

async function encode(lines: AsyncGenerator<string>, coding: Coding): Promise<Encoded> {
  const parts: Buffer[] = []
  for await (const text of lines) parts.push(Buffer.from(text))
  const plain = Buffer.concat(parts)
  if (coding === 'identity' || plain.length < compressFrom) return { body: plain, coding: 'identity' }
  // Quality 1 of brotli is both smaller and faster than gzip here; more quality costs more time than the line saves.
  const body =
    coding === 'br'
      ? await brotli(plain, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
        })
      : await deflate(plain, { level: 1 })
  return { body, coding }
}
