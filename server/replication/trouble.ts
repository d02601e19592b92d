import { version as ownVersion } from '../version.ts'
import type { DeviceStatus } from './status.ts'

/** What is wrong with a slave: first what is so, then what to do. The worst first. */
export type DeviceTrouble = {
  kind: 'bad' | 'look'
  code: string
  /** One sentence without a full stop. */
  title: string
  text: string
  steps: string[]
}

type Known = Omit<DeviceStatus, 'trouble'>

const clockMs = 60_000
const certificateDays = 14
export const diskFree = 200_000_000

export const mb = (bytes: number): string =>
  bytes >= 10_000_000_000
    ? `${Math.round(bytes / 1e9)} GB`
    : bytes >= 1_000_000_000
      ? `${(bytes / 1e9).toFixed(1)} GB`
      : `${Math.round(bytes / 1e6)} MB`

export function troubleOf(device: Known): DeviceTrouble[] {
  if (device.state === 'revoked') return []
  return [
    ...ofExchange(device),
    ...ofClock(device),
    ...ofCertificate(device),
    ...ofServices(device),
    ...ofDisk(device),
    ...ofSamba(device),
    ...ofVersion(device),
  ]
}

/** What the slave itself said went wrong, or that it says nothing at all. */
function ofExchange(device: Known): DeviceTrouble[] {
  const { report, name, state } = device
  if (state === 'away') return [away(device)]
  const said = report?.trouble
  if (!said) return []
  switch (said.code) {
    case 'disk':
      return [
        {
          kind: 'bad',
          code: 'disk',
          title: report.disk ? `The disk is full: ${mb(report.disk.free)} free` : 'The disk is full',
          text: said.text,
          steps: [
            `On ${name}, free space on the disk of its data directory; old logs are the usual cause.`,
            'Nothing else. It tries again every few seconds and catches up by itself.',
          ],
        },
      ]
    case 'diverged':
    case 'bad-answer':
      return [
        {
          kind: 'look',
          code: said.code,
          title: 'It did not become equal, and kept what it had',
          text: said.text,
          steps: [
            'Wait a minute: it compares piece by piece and fetches what differs.',
            `If it stays so, look at the log of ${name} and at its disk: rows that change by themselves are a failing disk.`,
          ],
        },
      ]
    default:
      return [
        {
          kind: 'look',
          code: said.code,
          title: 'The last exchange failed',
          text: said.text,
          steps: [`Look at the log of ${name}: journalctl -u account-sync.`],
        },
      ]
  }
}

const away = ({ name, seq, address }: Known): DeviceTrouble => ({
  kind: 'bad',
  code: 'away',
  title: 'No contact',
  text: `It goes on serving the accounts it has${seq === undefined ? '' : `, as of change ${seq.toLocaleString('en')}`}.`,
  steps: [
    address
      ? `Look whether ${name} is on and its site has a line: ping ${address}.`
      : `Look whether ${name} is on and its site has a line.`,
    `If it is on, look there: account-sync status says what it sees of this node; port 8154 must be open to it.`,
    'Nothing else. When the line is back it catches up by itself.',
  ],
})

function ofClock({ report, name }: Known): DeviceTrouble[] {
  const off = report?.clockMs
  if (off === undefined || Math.abs(off) < clockMs) return []
  const minutes = Math.round(Math.abs(off) / 60_000)
  return [
    {
      kind: 'look',
      code: 'clock',
      title: `Its clock is ${minutes} min ${off > 0 ? 'fast' : 'slow'}`,
      text: 'Replication does not go by clocks. Certificates, locks and passwords that end do, and Kerberos refuses more than 5 min.',
      steps: [`On ${name}, turn time synchronisation on: timedatectl set-ntp true.`],
    },
  ]
}

function ofCertificate({ certificateDays: days, name }: Known): DeviceTrouble[] {
  if (days === undefined || days >= certificateDays) return []
  return [
    {
      kind: days < 3 ? 'bad' : 'look',
      code: 'certificate',
      title: days < 0 ? 'Its certificate has ended' : `Its certificate ends in ${days} ${days === 1 ? 'day' : 'days'}`,
      text: 'A slave asks for a new one 30 days before the end. This one did not get it.',
      steps: [
        `Restart the service on ${name}: it asks again when it starts.`,
        'If that does not help, look at its clock and its log.',
      ],
    },
  ]
}

/** The master renews them; one that is near its end could not be made for this node. */
function ofServices({ certificates: [first], name }: Known): DeviceTrouble[] {
  const days = first && Math.floor((Date.parse(first.until) - Date.now()) / 86_400_000)
  if (!first || days === undefined || days >= certificateDays) return []
  const ends = days < 0 ? 'has ended' : `ends in ${days} ${days === 1 ? 'day' : 'days'}`
  return [
    {
      kind: days < 3 ? 'bad' : 'look',
      code: 'certificate',
      title: `The certificate of its service ${first.service} ${ends}`,
      text: 'The master makes a new one 30 days before the end. It did not for this one.',
      steps: [
        'On the master: account-sync files renew-certificates',
        `If it stays: look on the page Files whether ${name} says what is wrong.`,
      ],
    },
  ]
}

function ofDisk({ report, name }: Known): DeviceTrouble[] {
  const disk = report?.disk
  if (!disk || disk.free >= diskFree || report?.trouble?.code === 'disk') return []
  return [
    {
      kind: 'look',
      code: 'disk-low',
      title: `Only ${mb(disk.free)} are free on its disk`,
      text: 'It is equal now. Once the disk is full it keeps what it has and cannot take changes.',
      steps: [`On ${name}, free space on the disk of its data directory.`],
    },
  ]
}

function ofVersion({ version, name }: Known): DeviceTrouble[] {
  if (!version || version === ownVersion) return []
  return [
    {
      kind: 'look',
      code: 'version',
      title: `It runs ${version}, this node ${ownVersion}`,
      text: 'Both work together. What the older one does not know it keeps and passes on.',
      steps: [`Upgrade ${name} when it suits you.`],
    },
  ]
}

const sambaNames = { pdc: 'the PDC', bdc: 'a BDC', 'file-server': 'a file server' }

/** Samba there was found not to serve when it was last asked. */
function ofSamba({ name, samba }: Known): DeviceTrouble[] {
  if (samba?.kind === 'pdc') return [secondPdc(name)]
  const wrong = samba?.findings.filter(({ state }) => state === 'bad') ?? []
  if (!samba || wrong.length === 0) return []
  return [
    {
      kind: 'look',
      code: 'samba',
      title: `Samba does not serve as ${sambaNames[samba.kind]}`,
      text: wrong.map(({ what, says }) => `${what}: ${says}`).join(' '),
      steps: [`On ${name}: account-sync samba status`, `If it does not say why: account-sync samba setup`],
    },
  ]
}

/** It was the master before. Two of them would both answer for the domain. */
const secondPdc = (name: string): DeviceTrouble => ({
  kind: 'look',
  code: 'samba',
  title: 'Its Samba is still the PDC',
  text: 'The PDC is the Samba of the master; a domain has one.',
  steps: [`On ${name}: account-sync samba setup`],
})
