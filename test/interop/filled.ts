import { addClient } from '../../server/accounts/clients.ts'
import { addUser } from '../../server/accounts/users.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { closeDb, openDb } from '../../server/store/db.ts'
import { me, password } from '../support/people.ts'
import { aFolder } from '../support/store.ts'

export type Filled = { dir: string; reader: { dn: string; password: string } }

/** A data directory with people, for a node of its own process. */
export async function aFilledFolder(people: number): Promise<Filled> {
  const dir = aFolder('filled')
  const db = await openDb(dir)
  await setUpOwn(db, me, {
    mode: 'standalone',
    domain: 'example.lan',
    admin: 'admin',
    password,
    name: 'node.example.lan',
  })
  // Many share a commit.
  const one = (i: number): Promise<unknown> =>
    addUser(db, me, {
      username: `person${i}`,
      first: `Some ${i}`,
      last: 'Body'.padEnd(60, 'y'),
      extensions: { contact: { mail: `person${i}@example.lan`, city: 'Malmö' } },
    })
  for (let i = 0; i < people; i += 50)
    await Promise.all(Array.from({ length: Math.min(50, people - i) }, (_, j) => one(i + j)))
  const reader = await addClient(db, me, { name: 'reader', role: 'read' })
  await closeDb(db)
  return { dir, reader: { dn: reader.dn, password: reader.password } }
}
