import type { Changed } from '../../server/store/bodies.ts'
import { aClient, aGroup, aUser, change, ids, organisation, uuid } from '../ldap/sample.ts'

// Enough people and groups, and unlike enough, that a wrong matching rule finds too many or too few of them.

const first = ['Anna', 'Åke', 'Björn', 'Eva', 'Ýrsa', 'Jean  Paul', 'Øystein', 'Groß', 'Zoë']
const last = ['Berg', 'berg', 'Lindström', 'O’Neil', 'de la Cruz', 'Ek', 'Müller', 'Łukasiewicz']
const someGroups = [ids.sales, ids.engineers, ids.nobody, uuid(4000), uuid(4001), uuid(4002), uuid(4003)]

const person = (i: number): Changed =>
  change(
    'user',
    uuid(3000 + i),
    aUser({
      username: `person${i}`,
      first: first[i % first.length],
      last: last[i % last.length],
      uidNumber: 3000 + i * 7,
      status: i % 9 === 0 ? 'disabled' : 'enabled',
      groups: someGroups.filter((_, g) => i % (g + 2) === 0),
      plugins: i % 3 ? ['ftp'] : [],
      added: new Date(Date.UTC(2026, i % 12, 1 + i, 12, i % 60)).toISOString(),
      changed: new Date(Date.UTC(2026, i % 12, 2 + i, 12, i % 60)).toISOString(),
      extensions: {
        contact: {
          ...(i % 2 ? { mail: `Person${i}@example.lan` } : {}),
          ...(i % 5 ? {} : { telephone: `+46 40-555 ${1000 + i}` }),
          ...(i % 4 ? { city: ['Malmö', 'Lund', 'LUND', 'San  José'][i % 4] } : {}),
          ...(i % 7 ? {} : { title: `Head (of) *${i}* \\ things` }),
          ...(i % 6 ? {} : { country: ['SE', 'DK', 'DE'][i % 3], postalCode: `0${i} 234`, fax: '+46 40 1' }),
        },
        shell: i % 6 ? {} : { loginShell: '/bin/bash', sshKeys: [`ssh-ed25519 AAAA${i} a`, `ssh-rsa BBBB${i} b, c`] },
        mail:
          i % 3
            ? {}
            : { address: `p${i}@mail.example.lan`, aliases: [`alias${i}`, `Other${i}`], forwarders: ['x@y.se'] },
        zarafa: i % 10 ? {} : { account: true, hardQuota: String(1000 * i + 100) },
        card: i % 4 ? {} : { number: i * 1000 - 20000, doors: ['north', 'South', `door ${i}`], isGuest: i % 8 === 0 },
      },
    }),
  )

const groupNames = ['R&D, (north)', '#1 +"quoted"', ' spaces  within', 'Größe <x>; =y\\z']

export const people = (): Changed[] => [
  ...organisation(),
  ...['mail', 'zarafa'].map((name, i) => change('extension', uuid(4100 + i), { name, on: true })),
  change('extension', uuid(4110), {
    name: 'card',
    on: true,
    own: {
      title: 'Staff card',
      summary: '',
      objectClass: 'exampleStaffCard',
      fields: [
        { name: 'number', label: 'Number', type: 'number', attribute: 'exampleCardNumber' },
        { name: 'doors', label: 'Doors', type: 'list', attribute: 'exampleDoors' },
        { name: 'isGuest', label: 'Guest', type: 'switch', attribute: 'exampleIsGuest' },
      ],
    },
  }),
  ...groupNames.map((name, i) =>
    change('group', uuid(4000 + i), aGroup({ name: name.trim(), description: name, gidNumber: 60100 + i })),
  ),
  ...Array.from({ length: 60 }, (_, i) => person(i)),
  change('client', uuid(4200), aClient({ name: 'squid', role: 'auth' })),
]
