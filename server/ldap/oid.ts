import { createHash } from 'node:crypto'

/**
 * The OID of a type or class that nobody registered a number for: a UUID made of its name, below 2.25 (ITU-T X.667), so that
 * it is a numeric OID, as RFC 4512 section 1.4 asks, and the same one on every node.
 */
export function unregisteredOid(kind: 'attribute' | 'class', name: string): string {
  const uuid = createHash('sha1').update(`account-sync ${kind} ${name.toLowerCase()}`).digest().subarray(0, 16)
  uuid[6] = (uuid[6]! & 0x0f) | 0x50
  uuid[8] = (uuid[8]! & 0x3f) | 0x80
  return `2.25.${BigInt(`0x${uuid.toString('hex')}`)}`
}
