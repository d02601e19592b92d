// Letters that do not come apart into a plain letter and a mark.
const spelled: Record<string, string> = {
  ø: 'o',
  Ø: 'O',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ß: 'ss',
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
  ð: 'd',
  Ð: 'D',
  þ: 'th',
  Þ: 'Th',
  ı: 'i',
}

/** A name in ASCII, for gecos (an IA5String, RFC 2307), which also must not hold the separators of passwd(5). */
export function asciiName(name: string): string {
  let ascii = ''
  for (const letter of name.normalize('NFD')) {
    if (/\p{M}/u.test(letter)) continue
    ascii += letter >= ' ' && letter <= '~' ? letter : (spelled[letter] ?? '?')
  }
  return ascii.replace(/[:,]/g, ' ')
}
