import pino from 'pino'
import { addClient } from '../../server/accounts/clients.ts'
import { verifyPassword } from '../../server/accounts/passwords.ts'
import { doorFor } from '../../server/accounts/sign-in.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import { feedOf, followFeed } from '../../server/ldap/follow.ts'
import type { LdapOptions } from '../../server/ldap/server.ts'
import { createWriter } from '../../server/ldap/writer.ts'
import type { Db } from '../../server/store/db.ts'
import { me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { type Client, connectTo } from './client.ts'
import { type Started, startServer, users } from './sample.ts'

/** A store with its directory behind an LDAP server that also changes things, and one who may. */
export type LdapNode = {
  db: Db
  server: Started
  admin: Client
  /** Another connection of the same. */
  signIn: () => Promise<Client>
  /** A client that reads everything. */
  reader: () => Promise<Client>
  close: () => Promise<void>
}

export async function startLdapNode(options: Partial<LdapOptions> = {}): Promise<LdapNode> {
  const { db, close } = await aMasterStore()
  const directory = createDirectory()
  const stop = await followFeed(db, directory, pino({ level: 'silent' }))
  const server = await startServer({
    directory,
    verify: verifyPassword,
    judge: doorFor(db, 'ldap'),
    writer: createWriter(db, directory),
    feed: feedOf(db),
    ...options,
  })
  const open: Client[] = []
  const connected = async (dn: string, secret: string): Promise<Client> => {
    const client = connectTo(server.port)
    open.push(client)
    const code = await client.bind(dn, secret)
    if (code !== 0) throw new Error(`a bind as ${dn} is answered with ${code}`)
    return client
  }
  const signIn = (): Promise<Client> => connected(`uid=admin,${users}`, password)
  let readers = 0
  return {
    db,
    server,
    admin: await signIn(),
    signIn,
    async reader() {
      const { dn, password: secret } = await addClient(db, me, { name: `reader${++readers}`, role: 'read' })
      return connected(dn, secret)
    },
    async close() {
      for (const client of open) client.end()
      stop()
      await server.close()
      await close()
    },
  }
}
