import { booleanTlv, integerTlv, tlv } from '../../server/ldap/wire/ber.ts'

// Requests that change something, as a client writes them.

const kinds = ['add', 'delete', 'replace', 'increment'] as const

export type Modification = { kind: (typeof kinds)[number]; attribute: string; values: string[] }

export type Wish =
  | { kind: 'modify'; dn: string; modifications: Modification[] }
  | { kind: 'add'; dn: string; attributes: [name: string, values: string[]][] }
  | { kind: 'remove'; dn: string }
  | { kind: 'rename'; dn: string; rdn: string; keepsOld: boolean; superior?: string }

const valueList = (values: readonly string[]): Buffer => tlv(0x31, ...values.map((value) => tlv(0x04, value)))

export function encodeWish(wish: Wish): Buffer {
  switch (wish.kind) {
    case 'modify':
      return tlv(
        0x66,
        tlv(0x04, wish.dn),
        tlv(
          0x30,
          ...wish.modifications.map(({ kind, attribute, values }) =>
            tlv(0x30, integerTlv(kinds.indexOf(kind), 0x0a), tlv(0x30, tlv(0x04, attribute), valueList(values))),
          ),
        ),
      )
    case 'add':
      return tlv(
        0x68,
        tlv(0x04, wish.dn),
        tlv(0x30, ...wish.attributes.map(([name, values]) => tlv(0x30, tlv(0x04, name), valueList(values)))),
      )
    case 'remove':
      return tlv(0x4a, wish.dn)
    case 'rename':
      return tlv(
        0x6c,
        tlv(0x04, wish.dn),
        tlv(0x04, wish.rdn),
        booleanTlv(!wish.keepsOld),
        ...(wish.superior === undefined ? [] : [tlv(0x80, wish.superior)]),
      )
  }
}
