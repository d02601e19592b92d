import { withRoom } from './pool.ts'

/** What is looked for, and how far to go on after each byte that its end was held against. */
export type Word = { bytes: Uint8Array; skips: Uint16Array; pairs: Int32Array }

export function wordOf(text: string): Word {
  const bytes = Buffer.from(text)
  const skips = new Uint16Array(256).fill(bytes.length)
  for (let at = 0; at < bytes.length - 1; at++) skips[bytes[at] as number] = bytes.length - 1 - at
  return { bytes, skips, pairs: pairsIn(bytes) }
}

/** Horspool's search: the longer the word, the fewer bytes are looked at. */
export function holds(values: Uint8Array, from: number, to: number, { bytes, skips }: Word): boolean {
  const end = bytes.length - 1
  const last = bytes[end]
  for (let at = from + end; at < to; ) {
    const byte = values[at] as number
    if (byte === last) {
      let same = 1
      while (same <= end && values[at - same] === bytes[end - same]) same++
      if (same > end) return true
    }
    at += skips[byte] as number
  }
  return false
}

/** 128 bits for each text. */
const pairWords = 4

function pairsIn(bytes: Uint8Array): Int32Array {
  const pairs = new Int32Array(pairWords)
  for (let at = 1; at < bytes.length; at++) {
    const bit = Math.imul((bytes[at - 1] as number) * 257 + (bytes[at] as number), 0x9e3779b1) >>> 25
    pairs[bit >> 5] = (pairs[bit >> 5] as number) | (1 << (bit & 31))
  }
  return pairs
}

/** The pairs of all texts, with those of one in its place. */
export function keepPairs(pairs: Int32Array, place: number, text: string): Int32Array {
  const all = withRoom(pairs, (place + 1) * pairWords)
  all.set(pairsIn(Buffer.from(text)), place * pairWords)
  return all
}

export function mayHold(pairs: Int32Array, place: number, { pairs: wanted }: Word): boolean {
  for (let at = 0; at < pairWords; at++) {
    const some = wanted[at] as number
    if (((pairs[place * pairWords + at] as number) & some) !== some) return false
  }
  return true
}
