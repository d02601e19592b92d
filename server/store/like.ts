/**
 * A LIKE pattern for “contains”, with `%`, `_` and `\` as themselves. Control characters are dropped (SQLite ends a text at
 * NUL, and the pattern would then match everything), and nobody searches for more than a few words.
 */
export const containing = (text: string): string =>
  `%${text
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, 200)
    .trim()
    .replace(/[\\%_]/g, '\\$&')}%`
