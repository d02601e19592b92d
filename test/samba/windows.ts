import assert from 'node:assert/strict'
import { addClient } from '../../server/accounts/clients.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { ntHash } from '../../server/accounts/md4.ts'
import { type Domain, setUpDomain } from '../../server/samba/domain.ts'
import type { Db } from '../../server/store/db.ts'
import { type Answer, type Client, connectTo } from '../ldap/client.ts'
import { type Change, modify, startWritable } from '../ldap/writable.ts'
import { aUser, me, password } from '../support/people.ts'

export const base = 'dc=example,dc=lan'
export const people = `ou=Users,ou=Accounts,${base}`
export const groups = `ou=Groups,ou=Accounts,${base}`
export const computers = `ou=Computers,ou=Accounts,${base}`
export const domainDn = `sambaDomainName=EXAMPLE,${base}`
export const anna = `uid=anna,${people}`
export const bert = `uid=bert,${people}`
export const secret = 'quiet-river-stone-42'

/** As sambaNTPassword has it. */
export const hash = (text: string): string => ntHash(text).toString('hex').toUpperCase()

/** A Windows domain with a few people, and clients that ask as Samba, as a reader and as an administrator. */
export type Windows = {
  db: Db
  domain: Domain
  samba: Client
  reader: Client
  admin: Client
  signIn: (dn: string, own: string) => Promise<Client>
  /** The code of a bind. */
  bind: (dn: string, own: string) => Promise<number>
  entry: (dn: string, by?: Client) => Promise<Record<string, string[]>>
  one: (dn: string, name: string) => Promise<string | undefined>
  /** As Samba writes: the value that it has read goes, another comes. */
  swap: (dn: string, ...pairs: [name: string, now: string | undefined][]) => Promise<Answer>
  close: () => Promise<void>
}

export async function startWindows(): Promise<Windows> {
  const { db, server, close } = await startWritable()
  const open: Client[] = []
  const connect = (): Client => {
    const client = connectTo(server.port)
    open.push(client)
    return client
  }
  async function signIn(dn: string, own: string): Promise<Client> {
    const client = connect()
    assert.equal(await client.bind(dn, own), 0)
    return client
  }
  await aUser(db, { username: 'early', password: secret })
  const domain = await setUpDomain(db, me, { name: 'EXAMPLE', password: secret })
  await addGroup(db, me, { name: 'sales', description: 'Sales' })
  const windows = { password: secret, mustChange: false, extensions: { samba: { account: 'yes' } } }
  await aUser(db, { ...windows, username: 'anna', first: 'Anna', last: 'Ek', groups: ['sales'] })
  await aUser(db, { ...windows, username: 'bert' })
  const byRole = async (role: 'samba' | 'read'): Promise<Client> => {
    const { dn, password: own } = await addClient(db, me, { name: role, role })
    return signIn(dn, own)
  }
  const [samba, reader] = [await byRole('samba'), await byRole('read')]
  const entry: Windows['entry'] = async (dn, by = samba) => {
    const { entries } = await by.search({ base: dn, scope: 'base', attributes: ['*', 'modifyTimestamp'] })
    return entries[0]?.attributes ?? {}
  }
  return {
    db,
    domain,
    samba,
    reader,
    admin: await signIn(`uid=admin,${people}`, password),
    signIn,
    bind: (dn, own) => connect().bind(dn, own),
    entry,
    one: async (dn, name) => (await entry(dn))[name]?.[0],
    async swap(dn, ...pairs) {
      const was = await entry(dn)
      const changes = pairs.flatMap(([name, now]): Change[] => [
        ...(was[name] ? [['delete', name, was[name][0] as string] as Change] : []),
        ...(now === undefined ? [] : [['add', name, now] as Change]),
      ])
      return modify(samba, dn, ...changes)
    },
    async close() {
      for (const client of open) client.end()
      await close()
    },
  }
}
