import { createHash } from 'node:crypto'
import { escapeValue } from '../dn.ts'
import type { Described } from '../entry.ts'
import { slotOf, standardSlots } from '../slots.ts'
import { operationalLines } from './times.ts'

const dc = slotOf('dc')
const ou = slotOf('ou')

/** The entry at the base, dc=example for example.lan. */
export const describeBase = (id: string, label: string, added: string): Described => ({
  rdn: `dc=${escapeValue(label)}`,
  classes: ['top', 'domain'],
  lines: [[dc, [label]], ...operationalLines(derivedUuid(id, 'base'), added)],
})

/** `more`: what Samba keeps in the unit itself. */
export const describeUnit = (id: string, name: string, added: string, more?: Described): Described => ({
  rdn: `ou=${name}`,
  classes: ['top', 'organizationalUnit', ...(more?.classes ?? []).filter((each) => each !== 'top')],
  lines: [
    [ou, [name]],
    ...(more?.lines ?? []).filter(([slot]) => !standardSlots[slot]!.type.isOperational),
    ...operationalLines(derivedUuid(id, name), added),
  ],
})

/** Containers are no objects of the feed, yet each must have the same entryUUID on every node: RFC 4122 version 5. */
function derivedUuid(id: string, name: string): string {
  const hash = createHash('sha1').update(id).update(name).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x50
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}
