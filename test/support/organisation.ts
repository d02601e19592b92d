import { readFileSync } from 'node:fs'
import { clientLens, openClientUses } from '../../server/accounts/client-uses.ts'
import { addClient, clientByName } from '../../server/accounts/clients.ts'
import { setExtensionOn } from '../../server/accounts/extensions.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, changeGroup, groupByName } from '../../server/accounts/groups.ts'
import { importDone, startImport } from '../../server/accounts/import.ts'
import { addOwnExtension } from '../../server/accounts/own-extensions.ts'
import { addOwnPlugin } from '../../server/accounts/own-plugins.ts'
import { enablePlugin, setPluginOn } from '../../server/accounts/plugins.ts'
import { changePolicy } from '../../server/accounts/policy-changes.ts'
import { addProfile } from '../../server/accounts/profiles.ts'
import { addToken } from '../../server/accounts/tokens.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { changeUser, removeUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import type { Db } from '../../server/store/db.ts'
import { me, password } from './people.ts'

/** What `anOrganisation` made, by what a page is called by. */
export type Organisation = {
  person: string
  group: string
  profile: string
  extension: string
  plugin: string
  /** Ids of a person in the bin, of an import that was tried, and of an API token. */
  removed: string
  job: string
  token: string
}

/** The sample's 300 people, with something of everything that an administrator can make. */
export async function anOrganisation(db: Db): Promise<Organisation> {
  for (const name of ['mail', 'zarafa', 'samba']) await setExtensionOn(db, me, name, true)
  await setPluginOn(db, me, 'openvpn', true)
  const text = withoutPasswords(readFileSync(new URL('../../sample/organisation.csv', import.meta.url), 'utf8'))
  const job = await startImport(db, me, { file: 'organisation.csv', text: Buffer.from(text), dryRun: false })
  await importDone(job.id)

  const europe = await addGroup(db, me, { name: 'europe', description: 'All sites in Europe', owners: ['fnystrom'] })
  await addMembers(db, me, europe.id, { usernames: ['onguyen'], groups: ['site_malmo', 'site_london', 'site_warsaw'] })
  const malmo = await groupByName(db, 'site_malmo')
  await changeGroup(db, me, malmo.id, {
    description: 'Everybody in Malmö',
    extensions: { mail: { distributionList: 'yes', mail: 'malmo@example.lan' } },
  })
  const desk = await addOwnExtension(db, me, {
    title: 'Desk',
    summary: 'Where somebody sits, and what stands on the desk.',
    fields: [
      {
        name: 'badge',
        label: 'Badge number',
        type: 'text',
        attribute: 'exampleBadge',
        pattern: '[A-Z]{2}[0-9]{4}',
        patternHelp: 'A badge has two letters and four digits, as in MA0042.',
      },
      { name: 'screens', label: 'Screens', type: 'number', attribute: 'exampleScreens', least: 0, most: 6 },
    ],
  })
  const parking = await addOwnPlugin(db, me, { title: 'Parking garage', badge: 'Park', summary: 'Opens the barrier.' })
  await enablePlugin(db, me, parking.name, ['fnystrom', 'onguyen'])
  const profile = await addProfile(db, me, {
    name: 'malmo-sales',
    description: 'Sales in Malmö',
    groups: ['site_malmo', 'sales'],
    plugins: ['smtp', 'web_proxy'],
    extensions: { contact: { city: 'Malmö', country: 'SE', mail: '{username}@example.lan' } },
  })
  await changePolicy(db, me, { minLength: '14', maxAgeDays: '90', lockAfter: '5' }, 'managers')

  const freja = await userByUsername(db, 'fnystrom')
  await changeUser(db, me, freja.id, {
    role: 'helpdesk',
    extensions: {
      [desk.name]: { badge: 'MA0042', screens: '2' },
      mail: { aliases: 'freja, ops-lead' },
      shell: {
        sshKeys: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0jFhC9nB8KXl0yVb0H3h4kq0u5c6gq7s8v9w0x1y2z freja@laptop',
      },
    },
  })
  await setPassword(db, me, freja.id, password, { mustChange: false })
  const { rows } = await usersPage(db, { size: 8, sort: 'number', order: 'desc' })
  const [locked, disabled, expired, waiting, gone] = rows
  if (locked) await setStatus(db, me, locked.id, 'locked')
  if (disabled) await setStatus(db, me, disabled.id, 'disabled')
  if (expired) await changeUser(db, me, expired.id, { validUntil: '2026-01-31' })
  if (waiting) await changeUser(db, me, waiting.id, { validFrom: '2040-01-01' })
  if (gone) await removeUser(db, me, gone.id)
  await addClient(db, me, { name: 'wiki', role: 'auth' })
  await addClient(db, me, { name: 'squid-malmo', role: 'read', networks: ['10.7.0.0/16', '2001:db8:7::/48'] })
  await squidAsks(db)
  const token = await addToken(db, me, { name: 'inventory', role: 'auditor', days: 90 })
  return {
    person: 'fnystrom',
    group: 'europe',
    profile: profile.name,
    extension: desk.name,
    plugin: parking.name,
    removed: gone?.id ?? '',
    job: job.id,
    token: token.id,
  }
}

/** What a client asks for all day, and does not get. */
async function squidAsks(db: Db): Promise<void> {
  await openClientUses(db)
  const { id } = (await clientByName(db, 'squid-malmo')).client
  const { used, missed } = clientLens(db)
  used(id, '10.7.0.20')
  for (let times = 0; times < 3; times++) {
    missed(id, 'unknown in a filter', 'sAMAccountName')
    missed(id, 'filter without index', '(&(objectClass=person)(|(cn=*…*)(mail=*…*)))')
    missed(id, 'unknown attribute', 'krbPasswordExpiration')
  }
  missed(id, 'control', '1.3.6.1.4.1.4203.666.5.16')
  missed(id, 'base', 'ou=People,dc=example,dc=com')
  missed(id, 'bind', 'not allowed from 10.9.0.4')
}

/** The second column of the sample; hashing 300 passwords takes longer than everything else. */
const withoutPasswords = (csv: string): string => csv.replace(/^("[^"]*"),"Hello[^"]*"/gm, '$1,""')
