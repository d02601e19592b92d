import { randomUUID } from 'node:crypto'
import { addClient } from '../../server/accounts/clients.ts'
import { takeNumber } from '../../server/accounts/numbers.ts'
import { newPassword } from '../../server/accounts/passwords.ts'
import type { Actor } from '../../server/audit/actor.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import type { GroupBody, UserBody } from '../../server/store/bodies.ts'
import { canonical } from '../../server/store/canonical.ts'
import { closeDb, openDb } from '../../server/store/db.ts'
import { liveObjects, objectsOf } from '../../server/store/objects.ts'
import { type Change, write } from '../../server/store/write.ts'
import { groupCount, groupNameOf, personOf } from '../people.ts'

const actor: Actor = { name: 'bench', via: 'command line' }
const slice = 250

/** What else a store holds, for measures that ask for it. */
export type Further = {
  /** The administrator's; random when nobody signs in. */
  password?: string
  groups?: number
  /** So many people are in one group more, the last. */
  crowd?: number
  /** A few people are locked, disabled, expired or not valid yet, and some groups are in others. */
  varied?: boolean
  /** Of people who sign in; that of the others fits no password. */
  hashOf?: HashOf
}

/** The argon2id hash of the password that somebody has; undefined: nobody knows it. */
export type HashOf = (index: number) => string | undefined

/**
 * Makes the store of a master with `count` people in it, through the door for writes, but without a password to compute
 * for each. Returns the LDAP client that reads.
 */
export async function makeMaster(
  dir: string,
  count: number,
  further: Further = {},
): Promise<{ dn: string; password: string }> {
  const db = await openDb(dir)
  try {
    await setUpOwn(db, actor, {
      mode: 'master',
      domain: 'example.lan',
      admin: 'admin',
      password: further.password ?? newPassword(),
      name: 'bench-master',
    })
    const groups = await write(db, actor, (change) => putGroups(change, count, further))
    for (let from = 0; from < count; from += slice)
      await write(db, actor, (change) => putPeople(change, from, Math.min(from + slice, count), count, groups, further))
    await write(db, actor, async (change) => {
      const [numbers] = await objectsOf(change.trx, 'numbers')
      if (numbers) await change.put('numbers', numbers.id, { ...numbers.body, uidNumber: firstUid + count })
    })
    return await addClient(db, actor, { name: 'bench', role: 'read' })
  } finally {
    await closeDb(db)
  }
}

/** Gives everybody another title, in the store of a master that is stopped. */
export async function changeEverybody(dir: string, title: string): Promise<void> {
  const db = await openDb(dir)
  try {
    for await (const rows of liveObjects(db)) {
      const moves = rows.flatMap(({ kind, id, body }) => {
        if (kind !== 'user' || !body) return []
        const extensions = { ...body.extensions, contact: { ...body.extensions.contact, title } }
        return [{ kind, id, body: canonical({ ...body, extensions }) }]
      })
      await write(db, actor, (change) => change.move(moves))
    }
  } finally {
    await closeDb(db)
  }
}

/** The administrator has the number before. */
const firstUid = 2001

export const crowdName = 'crowd'

/** How the first few of every fifty people stand. */
const standing: readonly Partial<UserBody>[] = [
  { status: 'disabled' },
  { status: 'locked' },
  { validUntil: '2020-01-01T00:00:00.000Z' },
  { validFrom: '2999-01-01T00:00:00.000Z' },
  { lockedUntil: '2999-01-01T00:00:00.000Z' },
]

async function putGroups(change: Change, people: number, further: Further): Promise<string[]> {
  const now = new Date().toISOString()
  const ids: string[] = []
  const count = further.groups ?? groupCount(people)
  for (let index = 0; index < count + (further.crowd ? 1 : 0); index++) {
    const name = index === count ? crowdName : groupNameOf(index)
    const gidNumber = await takeNumber(change, 'gidNumber')
    const body: GroupBody = { name, description: `Group ${index}`, gidNumber, type: 'normal', added: now, changed: now }
    ids.push(randomUUID())
    // Every tenth group is in the first one of its hundred.
    const above = further.varied && index < count && index % 100 > 0 && index % 10 === 0
    await change.put('group', ids[index]!, above ? { ...body, groups: [ids[index - (index % 100)]!] } : body)
  }
  return ids
}

async function putPeople(
  change: Change,
  from: number,
  to: number,
  count: number,
  groups: string[],
  { groups: groupsInAll, crowd = 0, varied = false, hashOf = () => undefined }: Further,
): Promise<void> {
  const now = new Date().toISOString()
  const moves = []
  for (let index = from; index < to; index++) {
    const {
      username,
      first,
      last,
      password,
      contact,
      shell,
      plugins,
      groups: numbers,
    } = personOf(index, count, groupsInAll)
    const body: UserBody = {
      username,
      first,
      last,
      status: 'enabled',
      role: 'person',
      uidNumber: firstUid + index,
      password: hashOf(index) ?? password,
      passwordChanged: now,
      groups: [...numbers.map((number) => groups[number]!), ...(index < crowd ? groups.slice(-1) : [])].sort(),
      plugins,
      extensions: { contact, shell },
      added: now,
      changed: now,
      ...(varied && standing[index % 50]),
    }
    moves.push({ kind: 'user', id: randomUUID(), body: canonical(body) })
  }
  await change.move(moves)
}
