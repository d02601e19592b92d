import { Invalid } from '../errors.ts'
import { type Column, columnsTurnedOff } from './columns.ts'
import { refused, short, some } from './csv-file.ts'
import type { Declared } from './declarations.ts'
import type { Table } from './table.ts'

/** Name of a source's column -> name of ours; '' leaves it out. */
export type Mapping = Record<string, string>

// What several systems call the same things; letters and digits only, in lower case, without accents.
const common: Record<string, string> = {
  username:
    'username user login loginname logon logonname userid accountname account samaccountname benutzer benutzername anmeldename ' +
    'kennung identifiant utilisateur usuario gebruikersnaam anvandarnamn uid',
  password: 'password passwordincleartext passwort kennwort pass pwd motdepasse contrasena wachtwoord losenord',
  passwordHash: 'passwordhash hash userpassword hashedpassword',
  first: 'first firstname forename givenname given vorname prenom nombre voornaam fornamn',
  last: 'last lastname surname familyname family sn nachname familienname nom apellido apellidos achternaam efternamn',
  status: 'status accountstatus',
  validFrom: 'validfrom startdate start hiredate',
  validUntil: 'validuntil enddate expires expirydate expirationdate expiry',
  groups: 'group groups groupnames gruppe gruppen groupes grupos groepen grupper',
  'contact.mail': 'email emailaddress emailadresse mailaddress mailadresse courriel correo epost',
  'contact.telephone': 'phone phonenumber telephone tel telefon telefono telefoon workphone businessphone officephone',
  'contact.mobile': 'mobilephone mobilenumber cell cellphone handy mobil mobiltelefon portable movil',
  'contact.fax': 'fax faxnumber telefax',
  'contact.title': 'jobtitle position titel beruf funktion',
  'contact.street': 'address streetaddress strasse adresse rue calle gata',
  'contact.city': 'city town ort stadt ville ciudad plaats stad locality',
  'contact.region': 'state province bundesland region',
  'contact.postalCode': 'zip zipcode postcode plz codepostal postnummer',
  'contact.country': 'country countrycode land pays pais',
  'contact.organization': 'company organisation organization firma entreprise empresa',
  'contact.unit': 'department division abteilung service departamento afdeling avdelning',
  'contact.roomNumber': 'room office raum buero bureau',
}
const keyOf = new Map(Object.entries(common).flatMap(([key, words]) => words.split(' ').map((word) => [word, key])))

const bare = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/ß/g, 'ss')
    .replace(/[^a-z0-9]/g, '')

/** One spelling of our own column names: spaces and capitals do not count. */
const tidy = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/\s*\.\s*/g, '.')
    .replace(/\s+/g, '_')

/**
 * What each column of a source means: as `chosen` says, and for the others as their names seem to say. Each of ours is
 * guessed once; one that is named outright comes first.
 */
export function guessMapping(header: readonly string[], columns: readonly Column[], chosen: Mapping = {}): Mapping {
  // A file may call a column by a name that every object has.
  const mapping: Mapping = Object.assign(Object.create(null), chosen)
  const taken = new Set(Object.values(chosen))
  const take = (name: string, column: Column | undefined) => {
    if (!column || taken.has(column.name) || mapping[name] !== undefined) return
    mapping[name] = column.name
    taken.add(column.name)
  }
  for (const name of header)
    take(
      name,
      columns.find((column) => column.name === tidy(name)),
    )
  for (const name of header)
    take(
      name,
      columns.find(({ known }) => known.some((other) => other.toLowerCase() === name.trim().toLowerCase())),
    )
  for (const name of header) {
    const key = keyOf.get(bare(name))
    take(
      name,
      columns.find((column) => (key ? column.key === key : column.known.some((other) => bare(other) === bare(name)))),
    )
  }
  return Object.fromEntries(header.map((name) => [name, mapping[name] ?? '']))
}

/** The columns of a source as they are meant. Throws Invalid for what makes it useless. */
export type Mapped = { columns: readonly (Column | undefined)[]; notices: string[] }

/**
 * Settles what each place of a row means. `chosen` is what somebody said of some columns or of all; what the names of the
 * others were taken for is said.
 */
export function mapColumns(
  table: Pick<Table, 'header'>,
  declared: Declared,
  columns: readonly Column[],
  chosen: Mapping | undefined,
  needed: readonly string[],
): Mapped {
  const { header } = table
  refuseUnknown(header, columns, chosen ?? {})
  const mapping = guessMapping(header, columns, chosen)
  const placed = header.map((name) => columns.find((column) => column.name === mapping[name]))
  // A name that stands twice in the file was guessed once, but is meant twice.
  for (const column of columns) {
    const from = header.filter((name) => mapping[name] === column.name)
    if (from.length > 1)
      throw chosen
        ? new Invalid({ mapping: `${listedNames(from)} are all read as “${column.label}”. Choose one of them.` })
        : refused(`Its header names the column ${column.name} ${from.length} times.`)
  }
  for (const name of needed)
    if (!placed.some((column) => column?.name === name)) {
      const sentence = `Needed are ${needed.join(', ')}.`
      throw chosen
        ? new Invalid({ mapping: `No column is read as ${name}. ${sentence}` })
        : refused(`Its header has no column ${name}. ${sentence}`)
    }
  return { columns: placed, notices: noticesOf(header, placed, declared, chosen ?? {}) }
}

function refuseUnknown(header: readonly string[], columns: readonly Column[], chosen: Mapping): void {
  for (const [name, column] of Object.entries(chosen)) {
    if (!header.includes(name))
      throw new Invalid({ mapping: `There is no column “${short(name)}” in it. It has: ${some(header)}.` })
    if (column !== '' && !columns.some((one) => one.name === column))
      throw new Invalid({
        mapping: `“${short(name)}” cannot be read as “${short(column)}”: no column here is called so.`,
      })
  }
}

const listedNames = (names: readonly string[]): string => names.map((name) => `“${name}”`).join(' and ')

function noticesOf(
  header: readonly string[],
  placed: readonly (Column | undefined)[],
  declared: Declared,
  chosen: Mapping,
): string[] {
  const open = header.flatMap((name, place) => (Object.hasOwn(chosen, name) ? [] : [{ name, column: placed[place] }]))
  const left = open.flatMap(({ name, column }) => (name.trim() && !column ? tidy(name) : []))
  const turnedOff = columnsTurnedOff(declared)
  const off = left.filter((name) => turnedOff.has(name))
  const foreign = left.filter((name) => !turnedOff.has(name) && /^(extensions|plugins)\./.test(name))
  const unknown = left.filter((name) => !off.includes(name) && !foreign.includes(name))
  const guessed = open.flatMap(({ name, column }) =>
    column && column.name !== tidy(name) ? [`“${short(name)}” as ${column.name}`] : [],
  )
  return [
    ...(guessed.length ? [`Read by what they are called: ${some(guessed, 20, 100)}.`] : []),
    ...(off.length ? [`Ignored, because the extension or plugin is turned off: ${some(off)}.`] : []),
    ...(foreign.length ? [`Ignored, because this node has no such extension field or plugin: ${some(foreign)}.`] : []),
    ...(unknown.length ? [`Ignored, because these columns are not known: ${some(unknown)}.`] : []),
  ]
}
