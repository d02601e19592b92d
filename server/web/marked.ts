import { fold } from '../store/users.ts'
import { escaped } from './say.ts'

/** A text as HTML, with what a search has found in it marked: in any case, with accents or without. */
export function marked(text: string, search: string): string {
  const letters = [...text]
  const folded = letters.map(fold)
  const words = fold(search).split(/\s+/).filter(Boolean)
  const isFound = new Array<boolean>(letters.length).fill(false)
  for (let at = 0; at < letters.length; at++)
    for (const word of words) {
      let end = at
      for (let rest = word; rest !== '' && end < letters.length && rest.startsWith(folded[end] ?? ''); end++)
        rest = rest.slice(folded[end]?.length)
      if (folded.slice(at, end).join('') === word) isFound.fill(true, at, end)
    }
  let html = ''
  for (let at = 0; at < letters.length; ) {
    let end = at
    while (end < letters.length && isFound[end] === isFound[at]) end++
    const piece = escaped(letters.slice(at, end).join(''))
    html += isFound[at] ? `<mark>${piece}</mark>` : piece
    at = end
  }
  return html
}
