import { type Entry, first } from './entries.ts'
import { foreignHash } from './foreign-hashes.ts'

/** Directories can do without givenName; the whole name then says it. */
export function nameOf(person: Entry): { first: string; last: string } {
  const whole = (first(person, 'cn') ?? first(person, 'displayname') ?? '').trim()
  const last = (first(person, 'sn') ?? '').trim() || whole.split(/\s+/).slice(1).join(' ') || whole
  const given = first(person, 'givenname')?.trim()
  if (given) return { first: given, last }
  const rest = whole.endsWith(last) ? whole.slice(0, whole.length - last.length).trim() : whole.split(/\s+/)[0]
  return { first: rest ?? '', last }
}

/**
 * The first hash that can be checked here; without one, the NT hash; without that, the first, so that it is named. ClearOS
 * keeps both in attributes of its own as well, which may be readable where userPassword is not.
 */
export function hashOf(person: Entry): string | undefined {
  const of = (name: string) => person.attributes.get(name) ?? []
  const hashes = [...of('userpassword'), ...of('clearshapassword')].filter(isHash)
  const windows = [...of('sambantpassword'), ...of('clearmicrosoftntpassword')].filter((hash) =>
    /^[0-9A-F]{32}$/i.test(hash),
  )
  const all = [...hashes, ...windows.map((hash) => `{NT}${hash}`)]
  return all.find((hash) => 'hash' in foreignHash(hash)) ?? all[0]
}

const isHash = (value: string): boolean => /^(\{[A-Za-z0-9._-]+\}|\$[0-9a-z]+\$)/.test(value)

export const clearPasswordOf = (person: Entry): string | undefined =>
  hashOf(person) === undefined
    ? (person.attributes.get('userpassword') ?? [])
        .map((value) => value.replace(/^\{CLEAR(TEXT)?\}/i, ''))
        .find((value) => value && !isHash(value))
    : undefined

/** Whoever could not sign in there does not get in here. */
export function statusOf(person: Entry): string | undefined {
  const { attributes } = person
  if (attributes.has('pwdaccountlockedtime')) return 'locked'
  if (/^true$/i.test(first(person, 'nsaccountlock') ?? '')) return 'disabled'
  const clear = first(person, 'clearaccountstatus')?.toLowerCase()
  if (clear === 'disabled' || clear === 'locked') return clear
  if (/^\[[^\]]*D/.test(first(person, 'sambaacctflags') ?? '')) return 'disabled'
  // Active Directory: ACCOUNTDISABLE.
  if (Number(first(person, 'useraccountcontrol') ?? 0) & 2) return 'disabled'
  const expires = Number(first(person, 'shadowexpire') ?? -1)
  return expires > 0 && expires * 86_400_000 < Date.now() ? 'disabled' : undefined
}

export const isWindowsAccount = (person: Entry): boolean =>
  (person.attributes.get('objectclass') ?? []).some((name) => name.toLowerCase() === 'sambasamaccount')
