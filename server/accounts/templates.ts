/** What the placeholders of a profile stand for. */
export type Named = { first: string; last: string; username: string }

/** Every placeholder, with what it gives, for the help beside the form. */
export const placeholders: readonly { word: string; gives: string; of: (person: Named) => string }[] = [
  { word: 'first', gives: 'the first name', of: ({ first }) => first },
  { word: 'last', gives: 'the last name', of: ({ last }) => last },
  { word: 'username', gives: 'the username', of: ({ username }) => username },
  { word: 'f', gives: 'the first letter of the first name', of: ({ first }) => letterOf(first) },
  { word: 'l', gives: 'the first letter of the last name', of: ({ last }) => letterOf(last) },
]

const letterOf = (name: string): string => [...name.trim()][0] ?? ''

/** Somebody on whom a template can be tried. */
export const sample: Named = { first: 'Anna', last: 'Berg', username: 'aberg' }

const braces = /\{([^{}]*)\}/g

/** Why a text is no template, or undefined. */
export function templateProblem(template: string): string | undefined {
  for (const [whole, word] of template.matchAll(braces))
    if (!placeholders.some((one) => one.word === word))
      return `There is no placeholder ${whole}. Placeholders are ${placeholders.map((one) => `{${one.word}}`).join(', ')}.`
  return undefined
}

/** The text for one person. Without spaces, as in an address or a path, names come in lower case and without accents. */
export const fillTemplate = (template: string, person: Named): string =>
  template
    .split('\n')
    .map((line) => fillLine(line, person))
    .join('\n')

function fillLine(template: string, person: Named): string {
  const isWord = !/\s/.test(template.trim()) && !/^\{\w+\}$/.test(template.trim())
  return template.replace(braces, (whole, word) => {
    const value = placeholders.find((one) => one.word === word)?.of(person)
    if (value === undefined) return whole
    return isWord ? plainWord(value) : value
  })
}

// Letters that Unicode does not take apart.
const letters: Record<string, string> = { ß: 'ss', ø: 'o', æ: 'ae', œ: 'oe', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i' }

const plainWord = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[ßøæœłđðþı]/g, (letter) => letters[letter] ?? letter)
    .trim()
    .replace(/\s+/g, '.')
    .replace(/[^\p{L}\p{N}._-]/gu, '')
