import { randomUUID } from 'node:crypto'
import { addClient } from '../../server/accounts/clients.ts'
import { takeNumber } from '../../server/accounts/numbers.ts'
import { newPassword } from '../../server/accounts/passwords.ts'
import type { Actor } from '../../server/audit/actor.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import type { GroupBody, UserBody } from '../../server/store/bodies.ts'
import { canonical } from '../../server/store/canonical.ts'
import { closeDb, openDb } from '../../server/store/db.ts'
import { objectsOf } from '../../server/store/objects.ts'
import { type Change, write } from '../../server/store/write.ts'
import { groupCount, groupNameOf, personOf } from '../people.ts'

const actor: Actor = { name: 'bench', via: 'command line' }
const slice = 250

/**
 * Makes the store of a master with `count` people in it, through the door for writes, but without a password to compute
 * for each. Returns the LDAP client that reads.
 */
export async function makeMaster(dir: string, count: number): Promise<{ dn: string; password: string }> {
  const db = await openDb(dir)
  try {
    await setUpOwn(db, actor, {
      mode: 'master',
      domain: 'example.lan',
      admin: 'admin',
      password: newPassword(),
      name: 'bench-master',
    })
    const groups = await write(db, actor, (change) => putGroups(change, groupCount(count)))
    for (let from = 0; from < count; from += slice)
      await write(db, actor, (change) => putPeople(change, from, Math.min(from + slice, count), count, groups))
    await write(db, actor, async (change) => {
      const [numbers] = await objectsOf(change.trx, 'numbers')
      if (numbers) await change.put('numbers', numbers.id, { ...numbers.body, uidNumber: firstUid + count })
    })
    return await addClient(db, actor, { name: 'bench', role: 'read' })
  } finally {
    await closeDb(db)
  }
}

/** The administrator has the number before. */
const firstUid = 2001

async function putGroups(change: Change, count: number): Promise<string[]> {
  const now = new Date().toISOString()
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const name = groupNameOf(index)
    const gidNumber = await takeNumber(change, 'gidNumber')
    const body: GroupBody = { name, description: `Group ${index}`, gidNumber, type: 'normal', added: now, changed: now }
    ids.push(randomUUID())
    await change.put('group', ids[index]!, body)
  }
  return ids
}

async function putPeople(change: Change, from: number, to: number, count: number, groups: string[]): Promise<void> {
  const now = new Date().toISOString()
  const moves = []
  for (let index = from; index < to; index++) {
    const { username, first, last, password, contact, shell, plugins, groups: numbers } = personOf(index, count)
    const body: UserBody = {
      username,
      first,
      last,
      status: 'enabled',
      role: 'person',
      uidNumber: firstUid + index,
      password,
      passwordChanged: now,
      groups: numbers.map((number) => groups[number]!).sort(),
      plugins,
      extensions: { contact, shell },
      added: now,
      changed: now,
    }
    moves.push({ kind: 'user', id: randomUUID(), body: canonical(body) })
  }
  await change.move(moves)
}
