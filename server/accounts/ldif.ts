import { setImmediate as others } from 'node:timers/promises'
import { maxBytes, refused, short } from './csv-file.ts'
import type { Entry } from './entries.ts'

/** Is this LDIF (RFC 2849) rather than CSV? By its name, or by how it begins. */
export const isLdif = (file: string, bytes: Buffer): boolean =>
  /\.ldif?$/i.test(file) ||
  /^\ufeff?(#[^\n]*\n|[^\S\n]*\n)*(version: *1\s|dn::? )/i.test(bytes.toString('utf8', 0, 4096))

/** So many lines are read before others have their turn. */
const linesAtOnce = 2000

/** What ldapsearch writes between entries and at its end. */
const ofSearch = new Set(['search', 'result', 'ref'])

/** The entries of an LDIF file, one by one. Throws Invalid for what is none, with the line. */
export async function* readLdif(bytes: Buffer): AsyncGenerator<Entry> {
  if (bytes.length > maxBytes)
    throw refused(`It has ${Math.ceil(bytes.length / 1048576)} MB; at most 20 MB are read. Split it.`)
  let dn: string | undefined
  let entry: Entry | undefined
  let isOfSearch = false
  const lines = logicalLines(decode(bytes))
  for (let text = lines.next(), read = 0; text !== undefined; text = lines.next()) {
    if (++read % linesAtOnce === 0) await others()
    const { line } = lines
    if (text === '') {
      if (entry) yield entry
      entry = undefined
      isOfSearch = false
      continue
    }
    const { name, value } = readLine(text, line)
    isOfSearch ||= !entry && ofSearch.has(name)
    if (isOfSearch) continue
    if (!entry) {
      if (name === 'version' && dn === undefined) {
        if (value !== '1') throw refused(`Line ${line} says LDIF version ${short(value ?? '')}; only version 1 exists.`)
        continue
      }
      if (name !== 'dn') throw refused(`Line ${line} should begin an entry with “dn:”, and says “${short(text)}”.`)
      dn = value ?? ''
      entry = { line, dn, attributes: new Map() }
      continue
    }
    if (name === 'control' || (name === 'changetype' && value?.toLowerCase() !== 'add'))
      throw refused(
        `It holds changes (line ${line}: ${short(text)}), not entries. Export the entries themselves, as slapcat or ldapsearch -LLL write them.`,
      )
    if (name === 'changetype' || value === undefined) continue
    // Options such as ;lang-sv name a variant: the plain value stands beside it, or this one is all there is.
    const [plain = ''] = name.split(';')
    const values = entry.attributes.get(plain)
    if (values) values.push(value)
    else entry.attributes.set(plain, [value])
  }
  if (entry) yield entry
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refused('It is not UTF-8, as LDIF must be.')
  }
}

/** Lines with their continuations joined and comments left out, one a call; '' between entries. `line`: where it began. */
function logicalLines(text: string): { line: number; next: () => string | undefined } {
  if (text.includes('\0')) throw refused('It is not a text file.')
  let at = 0
  let read = 0
  const physical = (): string => {
    const stop = text.indexOf('\n', at)
    const end = stop < 0 ? text.length : stop
    const line = text.slice(at, end > at && text[end - 1] === '\r' ? end - 1 : end)
    at = end + 1
    read++
    return line
  }
  const lines = {
    line: 0,
    next: (): string | undefined => {
      for (;;) {
        if (at > text.length) return undefined
        let line = physical()
        lines.line = read
        if (line !== '' && text[at] === ' ') {
          const parts = [line]
          while (text[at] === ' ') parts.push(physical().slice(1))
          line = parts.join('')
        }
        if (!line.startsWith('#')) return line
      }
    },
  }
  return lines
}

const attribute = /^[A-Za-z0-9][A-Za-z0-9.;_-]*$/

/** `value` is undefined for what is no text: a picture or a certificate. */
function readLine(text: string, line: number): { name: string; value: string | undefined } {
  const colon = text.indexOf(':')
  const name = text.slice(0, Math.max(colon, 0))
  if (!attribute.test(name)) throw refused(`Line ${line} is no attribute with a value: “${short(text)}”.`)
  const kind = text[colon + 1]
  let from = kind === ':' || kind === '<' ? colon + 2 : colon + 1
  while (text[from] === ' ') from++
  let to = text.length
  while (to > from && text[to - 1] === ' ') to--
  const rest = text.slice(from, to)
  if (kind === '<')
    throw refused(
      `Line ${line} takes the value of ${name} from a file or address (“:<”). Values must stand in the file.`,
    )
  if (kind === ':') {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(rest)) throw refused(`The value of ${name} in line ${line} is no base64.`)
    return { name: name.toLowerCase(), value: textOf(Buffer.from(rest, 'base64')) }
  }
  return { name: name.toLowerCase(), value: rest }
}

/** Undefined when the bytes are no text. */
export function textOf(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
