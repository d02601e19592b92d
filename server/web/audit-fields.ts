import { declared } from '../accounts/declarations.ts'
import type { Db } from '../store/db.ts'

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

/** `maxAgeDays` as “Max age days”. */
function inWords(field: string): string {
  const words = field
    .replace(/([a-z])([A-Z])/g, (_, end, start) => `${end} ${start.toLowerCase()}`)
    .replace(/\./g, ', ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
