import { pipeline, Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'

/** How the bytes of an answer are packed on the line. */
export type Coding = 'br' | 'gzip' | 'identity'

export const codingIn = (header: string | string[] | undefined): Coding =>
  header === 'br' || header === 'gzip' ? header : 'identity'

const chunkSize = 64 * 1024

/** The bytes unpacked, chunk by chunk; what is wrong with the source is thrown here. */
export function unpacked(packed: AsyncIterable<Buffer> | Iterable<Buffer>, coding: Coding): AsyncIterable<Buffer> {
  const source = Readable.from(packed, { objectMode: false })
  if (coding === 'identity') return source
  const plain = coding === 'br' ? createBrotliDecompress({ chunkSize }) : createGunzip({ chunkSize })
  // The reader of `plain` hears of it.
  pipeline(source, plain, () => {})
  return plain
}
