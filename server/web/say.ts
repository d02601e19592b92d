import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../version.ts'

// Words and figures as pages write them. Every template has these as functions of its own (render.ts).

const folder = join(root, 'views', 'icons')
const icons = new Map(
  readdirSync(folder).map((file) => [file.replace('.svg', ''), readFileSync(join(folder, file), 'utf8').trim()]),
)

/** An icon, decorative unless `label` names it. */
export function icon(name: string, label?: string): string {
  const svg = icons.get(name)
  if (!svg) throw new Error(`There is no icon ${name}.`)
  const role = label ? `role="img" aria-label="${label}"` : 'aria-hidden="true"'
  return svg.replace('<svg ', `<svg class="icon" focusable="false" ${role} `)
}

const figures = new Intl.NumberFormat('en')
export const num = (value: number | undefined): string => (value === undefined ? '' : figures.format(value))

/** 1 person, 37 changes. */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${num(value)} ${value === 1 ? one : many}`
export const people = (value: number): string => count(value, 'person', 'people')

/** a, b and c */
export const listed = (words: readonly string[]): string => new Intl.ListFormat('en-GB').format(words)

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })
const longDay = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
const exactly = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'long' })
const offset = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'longOffset' })

export const zone = (at = new Date()): string =>
  (offset.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT').replace('GMT', 'UTC')

export const timeOfDay = (iso: string | Date): string => seconds.format(new Date(iso))
export const exact = (iso: string): string => exactly.format(new Date(iso))
/** 14:00, on the clock of this node. */
export const hourOf = (iso: string): string => clock.format(new Date(iso))
export const dateOf = (iso: string): string => date.format(new Date(iso))

const daysAgo = (at: Date, now: Date): number => {
  const midnight = (d: Date): number => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime()
  return Math.round((midnight(now) - midnight(at)) / 86_400_000)
}

/** today 09:41, yesterday 16:40, Fri 20 Nov, 12 Oct 2026 */
export function when(iso: string | undefined, now = new Date()): string {
  if (!iso) return 'never'
  const at = new Date(iso)
  const days = daysAgo(at, now)
  if (days === 0) return `today ${clock.format(at)}`
  if (days === 1) return `yesterday ${clock.format(at)}`
  return days > 1 && days < 7 ? weekday.format(at).replace(',', '') : date.format(at)
}

/** Today, Monday 23 November 2026 */
export function day(iso: string, now = new Date()): string {
  const at = new Date(iso)
  return `${['Today, ', 'Yesterday, '][daysAgo(at, now)] ?? ''}${longDay.format(at).replace(',', '')}`
}

/** 12 s, 29 min, 2 h 29 min, 41 days */
export function span(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000))
  if (total < 60) return `${total} s`
  const minutes = Math.floor(total / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  return count(Math.floor(hours / 24), 'day')
}

export const ago = (iso: string, now = Date.now()): string => `${span(now - Date.parse(iso))} ago`

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character] as string)

/** A `<time>` that shows the exact moment on hover. */
export const time = (iso: string | undefined): string =>
  iso ? `<time datetime="${escaped(iso)}" title="${escaped(exact(iso))}">${escaped(when(iso))}</time>` : 'never'

/** The letters in a person's circle. */
export const initials = (first: string, last: string): string =>
  [first, last].map((name) => [...name][0]?.toLocaleUpperCase('en') ?? '').join('')

/** A path with what is asked for; empty and default values are left out. */
export function path(base: string, query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const text = new URLSearchParams(given).toString()
  return text ? `${base}?${text}` : base
}

export const encoded = encodeURIComponent

type Shown = { type: string; value: string; options?: readonly { value: string; label: string }[] | undefined }

/** What a field holds as it is read, not as it is typed: Sweden (SE), yes, 10 GB. */
export function shownAs({ type, value, options }: Shown): string {
  if (type === 'switch') return value === 'yes' ? 'Yes' : 'No'
  if (type === 'moment') return value.replace('T', ' ')
  if (type === 'date') return value && dateOf(`${value}T00:00`)
  return options?.find((option) => option.value === value)?.label ?? value
}
