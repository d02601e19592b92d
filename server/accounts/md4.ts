// RFC 1320. OpenSSL 3 has MD4 in a provider that is not loaded, and Windows still keeps its passwords with it.

const shifts = [
  [3, 7, 11, 19],
  [3, 5, 9, 13],
  [3, 9, 11, 15],
] as const

const orders = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
  [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
] as const

const mixers = [
  (x: number, y: number, z: number): number => (x & y) | (~x & z),
  (x: number, y: number, z: number): number => ((x & y) | (x & z) | (y & z)) + 0x5a827999,
  (x: number, y: number, z: number): number => (x ^ y ^ z) + 0x6ed9eba1,
] as const

/** What Windows keeps of a password: MD4 of its UTF-16. */
export const ntHash = (password: string): Buffer => md4(Buffer.from(password, 'utf16le'))

export function md4(message: Buffer): Buffer {
  const padded = Buffer.alloc((((message.length + 8) >> 6) + 1) * 64)
  message.copy(padded)
  padded[message.length] = 0x80
  padded.writeUInt32LE((message.length * 8) >>> 0, padded.length - 8)
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
  for (let at = 0; at < padded.length; at += 64) addBlock(state, padded, at)
  const digest = Buffer.alloc(16)
  for (const [index, word] of state.entries()) digest.writeUInt32LE(word >>> 0, index * 4)
  return digest
}

function addBlock(state: number[], bytes: Buffer, at: number): void {
  let [a, b, c, d] = state as [number, number, number, number]
  for (const [round, order] of orders.entries()) {
    const mix = mixers[round as 0 | 1 | 2]
    for (const [step, word] of order.entries()) {
      const shift = shifts[round as 0 | 1 | 2][(step & 3) as 0 | 1 | 2 | 3]
      const sum = (a + mix(b, c, d) + bytes.readUInt32LE(at + word * 4)) | 0
      ;[a, b, c, d] = [d, (sum << shift) | (sum >>> (32 - shift)), b, c]
    }
  }
  for (const [index, word] of [a, b, c, d].entries()) state[index] = ((state[index] as number) + word) | 0
}
