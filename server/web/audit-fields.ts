import { declared } from '../accounts/declarations.ts'
import type { FieldChange } from '../store/audit.ts'
import type { Db } from '../store/db.ts'
import { exact } from './say.ts'

/** What is not simply its name with spaces. */
const names: Record<string, string> = {
  first: 'First name',
  last: 'Last name',
  uidNumber: 'Number',
  gidNumber: 'Number',
  validFrom: 'May sign in from',
  validUntil: 'May sign in until',
  mustChange: 'New password at the next sign-in',
  'invitation.until': 'First-password link until',
  binDays: 'Days in the recycle bin',
  ownFields: 'Own fields',
  publishedFields: 'Published fields',
  invitationHours: 'Hours of a first-password link',
  deviceId: 'Device ID',
}

/** How a field of the record is called on pages: “Contact, Room number” for `extensions.contact.roomNumber`. */
export async function fieldNames(db: Db): Promise<(field: string) => string> {
  const { extension } = await declared(db)
  return (field) => {
    const [, name = '', key = ''] = /^extensions\.([^.]+)\.(.+)$/.exec(field) ?? []
    if (!name) return names[field] ?? inWords(field)
    const known = extension(name)
    const label = known?.user[key]?.label ?? known?.group?.fields[key]?.label
    return `${known?.title.replace(/ Extension$/, '') ?? name}, ${label ?? inWords(key)}`
  }
}

/** A value of the record as pages show it: of a list, piece by piece, only what came or went is marked. */
export type Pieces = { text: string; marked: boolean }[] | undefined

const lists = new Set(['groups', 'plugins', 'owners', 'members', 'users', 'blocklist', 'ownFields'])

/** Both sides of a change; undefined: nothing stood there. */
export function piecesOf({ field, before, after }: FieldChange): { before: Pieces; after: Pieces } {
  const isList = before !== undefined && after !== undefined && lists.has(field)
  if (!isList) return { before: whole(before), after: whole(after) }
  return { before: apart(before, after), after: apart(after, before) }
}

const whole = (value: string | undefined): Pieces =>
  value === undefined ? undefined : [{ text: inPlainWords(value), marked: true }]

function apart(value: string, other: string): Pieces {
  const others = new Set(other.split(', '))
  return value.split(', ').map((text) => ({ text, marked: !others.has(text) }))
}

/** Moments as people read them. */
const inPlainWords = (value: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) ? exact(value) : value

/** `maxAgeDays` as “Max age days”. */
function inWords(field: string): string {
  const words = field
    .replace(/([a-z])([A-Z])/g, (_, end, start) => `${end} ${start.toLowerCase()}`)
    .replace(/\./g, ', ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
