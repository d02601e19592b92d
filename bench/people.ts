import { createHash } from 'node:crypto'

/**
 * The people of the benchmark, the same ones on both sides and the same ones every time. What is random in life is
 * random here too (telephone numbers, salts, hashes), so that compression has no easier work than it would have.
 */
export type Person = {
  username: string
  first: string
  last: string
  password: string
  contact: Record<string, string>
  shell: { loginShell: string; home: string }
  plugins: string[]
  /** Numbers of groups. */
  groups: number[]
}

const firstNames = words(
  'Amira Bengt Carla Dmitri Elif Farid Greta Hugo Ines Jonas Kaisa Leon Maren Noor Olga Pavel Rana Stina Tariq Ulla Vera Wim Yusuf Zoe',
)
const lastNames = words(
  'Almgren Bakker Castro Dahl Eriksen Ferrari Grahn Hasan Ivanov Jonsson Klein Lund Moreau Nilsen Ortiz Pohl Rask Sandberg Tamm Urban Virtanen Weber Yilmaz Ziegler',
)
const streets = words('Harbour Station Church Mill River Market Garden School Bridge Forest')
const places = [
  { city: 'Malmö', region: 'Skåne', country: 'SE' },
  { city: 'Århus', region: 'Midtjylland', country: 'DK' },
  { city: 'Oulu', region: 'North Ostrobothnia', country: 'FI' },
  { city: 'Gdańsk', region: 'Pomerania', country: 'PL' },
  { city: 'Porto', region: 'Norte', country: 'PT' },
]
const titles = words('Engineer Accountant Welder Planner Nurse Driver Buyer')
const units = words('Production Sales Finance Logistics Service Research Quality')
const plugins = ['ftp', 'pptpd', 'print_server', 'smtp', 'web_proxy']

export const usernameOf = (index: number): string => `u${String(index).padStart(6, '0')}`
export const groupNameOf = (index: number): string => `g${String(index).padStart(5, '0')}`
export const groupCount = (users: number): number => Math.max(5, Math.floor(users / 100))

export function personOf(index: number, users: number, groups = groupCount(users)): Person {
  const username = usernameOf(index)
  const random = createHash('sha512').update(`person ${index}`).digest()
  const pick = <T>(from: readonly T[], byte: number): T => from[random.readUInt16LE(byte * 2) % from.length] as T
  const digits = (byte: number, length: number) =>
    String(random.readUInt32LE(byte) % 10 ** length).padStart(length, '0')
  const first = pick(firstNames, 0)
  const last = pick(lastNames, 1)
  const { city, region, country } = pick(places, 2)
  return {
    username,
    first,
    last,
    password: phcOf(index),
    contact: {
      mail: `${first}.${last}.${index}@example.lan`.toLowerCase(),
      title: pick(titles, 3),
      telephone: `+46 40 ${digits(8, 7)}`,
      mobile: `+46 70 ${digits(12, 7)}`,
      fax: `+46 40 ${digits(16, 7)}`,
      street: `${pick(streets, 10)} Street ${1 + (random.readUInt16LE(22) % 200)}`,
      postalCode: digits(24, 5),
      postOfficeBox: `Box ${digits(28, 3)}`,
      city,
      region,
      country,
      organization: 'Nordic Works',
      unit: pick(units, 16),
      roomNumber: digits(34, 3),
    },
    shell: { loginShell: random[40]! % 4 === 0 ? '/bin/bash' : '/sbin/nologin', home: `/home/${username}` },
    plugins: plugins.filter((_, bit) => ((random[41]! >> bit) & 1) === 1),
    groups: [index % groups, (index + 1) % groups],
  }
}

/** As argon2id would have left it. Computing ten thousand of them would take minutes and prove nothing. */
function phcOf(index: number): string {
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  const salt = createHash('sha256').update(`salt ${index}`).digest().subarray(0, 16)
  const hash = createHash('sha256').update(`hash ${index}`).digest()
  return `$argon2id$v=19$m=19456,t=2,p=1$${base64(salt)}$${base64(hash)}`
}

function words(text: string): string[] {
  return text.split(' ')
}
