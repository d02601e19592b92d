import { verifyPassword } from '../../server/accounts/passwords.ts'
import { doorFor } from '../../server/accounts/sign-in.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import { feedOf, followFeed } from '../../server/ldap/follow.ts'
import type { LdapOptions } from '../../server/ldap/server.ts'
import { booleanTlv, integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { createWriter } from '../../server/ldap/writer.ts'
import type { Db } from '../../server/store/db.ts'
import { silent } from '../support/node.ts'
import { aMasterStore } from '../support/store.ts'
import type { Answer, Client } from './client.ts'
import { type Started, startServer } from './sample.ts'

/** A server over a store of its own, in which LDAP can change accounts. */
export async function startWritable(
  options: Partial<LdapOptions> = {},
): Promise<{ db: Db; server: Started; close: () => Promise<void> }> {
  const { db, close } = await aMasterStore()
  const directory = createDirectory()
  const stop = await followFeed(db, directory, silent)
  const server = await startServer({
    directory,
    verify: verifyPassword,
    judge: doorFor(db, 'ldap'),
    writer: createWriter(db, directory),
    feed: feedOf(db),
    ...options,
  })
  return {
    db,
    server,
    close: async () => {
      await server.close()
      stop()
      await close()
    },
  }
}

const kinds = { add: 0, delete: 1, replace: 2, increment: 3 } as const

export type Change = [kind: keyof typeof kinds, attribute: string, ...values: string[]]

const attribute = (name: string, values: readonly string[]): Buffer =>
  tlv(0x30, tlv(0x04, name), tlv(0x31, ...values.map((value) => tlv(0x04, value))))

export const modifyRequest = (dn: string, changes: readonly Change[]): Buffer =>
  tlv(
    0x66,
    tlv(0x04, dn),
    tlv(
      0x30,
      ...changes.map(([kind, name, ...values]) => tlv(0x30, integerTlv(kinds[kind], 0x0a), attribute(name, values))),
    ),
  )

export const addRequest = (dn: string, attributes: Record<string, string | string[]>): Buffer =>
  tlv(
    0x68,
    tlv(0x04, dn),
    tlv(0x30, ...Object.entries(attributes).map(([name, values]) => attribute(name, [values].flat()))),
  )

export const removeRequest = (dn: string): Buffer => tlv(0x4a, dn)

export const renameRequest = (dn: string, rdn: string, deletesOld = true, superior?: string): Buffer =>
  tlv(
    0x6c,
    tlv(0x04, dn),
    tlv(0x04, rdn),
    booleanTlv(deletesOld),
    ...(superior === undefined ? [] : [tlv(0x80, superior)]),
  )

export const passwordRequest = (given: { who?: string; old?: string; new?: string }): Buffer =>
  tlv(
    0x77,
    tlv(0x80, '1.3.6.1.4.1.4203.1.11.1'),
    tlv(
      0x81,
      tlv(
        0x30,
        ...(given.who === undefined ? [] : [tlv(0x80, given.who)]),
        ...(given.old === undefined ? [] : [tlv(0x81, given.old)]),
        ...(given.new === undefined ? [] : [tlv(0x82, given.new)]),
      ),
    ),
  )

/** Sends changes of one entry; the code, and the sentence with it. */
export const modify = (client: Client, dn: string, ...changes: Change[]): Promise<Answer> =>
  client.request(modifyRequest(dn, changes))
