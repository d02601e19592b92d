import type { Reader } from './ber.ts'

const places = 256
const longest = 512

/**
 * What was read from bytes that come again and again, as the base of a search and the attributes that it asks for: for the same
 * bytes it is the very same thing, on which more can be kept. The latest of each place is remembered, and nothing long.
 */
export function recalling<T>(read: (value: Reader) => T): (value: Reader) => T {
  const known: ({ bytes: Buffer; read: T } | undefined)[] = new Array(places).fill(undefined)
  return (value) => {
    const { bytes, at, end } = value
    if (end - at > longest) return read(value)
    let hash = 0
    for (let i = at; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
    const place = (hash ^ (hash >>> 11)) & (places - 1)
    const there = known[place]
    if (there && isSame(there.bytes, bytes, at, end)) return there.read
    const latest = { bytes: Buffer.from(bytes.subarray(at, end)), read: read(value) }
    known[place] = latest
    return latest.read
  }
}

function isSame(a: Buffer, b: Buffer, at: number, end: number): boolean {
  if (a.length !== end - at) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[at + i]) return false
  return true
}
