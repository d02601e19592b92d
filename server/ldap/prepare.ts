// String preparation for comparing, RFC 4518, reduced to what matters for the values kept here.

/** True when the text has leading, trailing or double white space. */
const looseSpace = /^\s|\s$|\s\s|[^\S ]/
const someSpace = /\s+/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them
const nonAscii = /[^\u0000-\u007f]/

const compact = (text: string): string => (looseSpace.test(text) ? text.trim().replace(someSpace, ' ') : text)

/** No value that is kept is as long; what cannot be equal to one is not worth the time. */
const longest = 16 * 1024

/** caseIgnore: mapped, case-folded, compatibility-normalised, white space that means nothing taken out. */
export const foldCase = (text: string): string =>
  text.length > longest
    ? text
    : compact(nonAscii.test(text) ? text.normalize('NFKC').toLowerCase().normalize('NFKC') : text.toLowerCase())

/** caseExact: as `foldCase`, but case is kept. */
export const keepCase = (text: string): string =>
  text.length > longest ? text : compact(nonAscii.test(text) ? text.normalize('NFKC') : text)
