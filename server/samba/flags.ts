/** Letters of sambaAcctFlags in the order in which Samba writes them. */
const order = 'NDHTUMWSLXI'
const width = 11

/** `[U          ]`: Samba compares the whole text, so it is always written alike. */
export const formatFlags = (letters: string): string =>
  `[${[...order]
    .filter((letter) => letters.includes(letter))
    .join('')
    .padEnd(width)}]`

/** The letters; undefined: not such a text. */
export function parseFlags(text: string): string | undefined {
  const letters = /^\[([A-Z ]*)\]$/.exec(text.toUpperCase())?.[1]?.replaceAll(' ', '')
  return letters === undefined || [...letters].some((letter) => !order.includes(letter)) ? undefined : letters
}
