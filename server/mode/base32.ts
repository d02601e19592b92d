// Crockford's base32: no I, L, O or U, so that a person can read it aloud and type it.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

export function encodeBase32(data: Buffer): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of data) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >>> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}

/** Lower case text to bytes; `o` is taken as 0, `i` and `l` as 1. Undefined when it is no base32. */
export function decodeBase32(text: string): Buffer | undefined {
  const out: number[] = []
  let value = 0
  let bits = 0
  for (const character of text.replaceAll('o', '0').replace(/[il]/g, '1')) {
    const digit = alphabet.indexOf(character)
    if (digit < 0) return undefined
    value = (value << 5) | digit
    bits += 5
    if (bits >= 8) {
      bits -= 8
      out.push((value >>> bits) & 255)
    }
    value &= (1 << bits) - 1
  }
  // The bits left over are padding: a last character that differs only there is mistyped all the same.
  return value === 0 ? Buffer.from(out) : undefined
}
