import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { canonicalName } from '../accounts/names.ts'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import type { Db } from '../store/db.ts'
import {
  type JoinCodeRow,
  joinCodeRow,
  keepJoinCode,
  latestJoinCode,
  openJoinCodes,
  removeJoinCodes,
  useJoinCode,
} from '../store/join-codes.ts'
import { type Change, write } from '../store/write.ts'
import { formatKey, parseKey, synchronizationKey } from './key.ts'
import { nodeNameProblem } from './set-up.ts'

const goodMinutes = 15
const dayMs = 86_400_000

/** A code as it is shown, once: for one slave of this name, until then. */
export type JoinCode = { code: string; name: string; until: string; command: string }

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

/** Makes a code with which a slave of this name joins, once. It says of the master what the key says. */
export async function makeJoinCode(db: Db, actor: Actor, typed: string, address?: string): Promise<JoinCode> {
  needRight(actor, 'change')
  const parsed = parseKey(await synchronizationKey(db))
  if ('problem' in parsed) throw new Error(parsed.problem)
  const name = canonicalName(typed)
  const problem = nodeNameProblem(name)
  if (problem) throw new Invalid({ name: problem })
  const key = { ...parsed.key, keyId: randomBytes(4).toString('hex'), secret: randomBytes(16).toString('hex') }
  const now = Date.now()
  const until = new Date(now + goodMinutes * 60_000).toISOString()
  const row: JoinCodeRow = {
    key_id: key.keyId,
    secret_hash: hashOf(key.secret),
    name,
    made: new Date(now).toISOString(),
    until,
    used: null,
    device_id: null,
  }
  await write(db, actor, async (change) => {
    await keepJoinCode(change.trx, row, new Date(now - 30 * dayMs).toISOString())
    change.note({
      sentence: `Made a join code for ${name}`,
      object: { kind: 'device', id: '', name },
      changes: [{ field: 'validUntil', after: until }],
    })
  })
  return { code: formatKey(key, 'asj1'), name, until, command: joinCommand(address ?? db.local.name, name) }
}

/** Nothing secret stands in it: the command asks for the code. */
const joinCommand = (address: string, name: string): string =>
  `account-sync setup --mode slave --master ${address} --name ${name}`

/** Codes that are good still, without what is secret. */
export const joinCodes = async (db: Db): Promise<{ name: string; made: string; until: string }[]> =>
  (await openJoinCodes(db.reader, new Date().toISOString())).map(({ name, made, until }) => ({ name, made, until }))

/** How the latest code for a name stands. */
export async function joinCodeState(
  db: Db,
  name: string,
): Promise<{ is: 'open' | 'ended' | 'used'; until: string; deviceId?: string } | undefined> {
  const row = await latestJoinCode(db.reader, name)
  if (!row) return undefined
  const is = row.used ? 'used' : row.until > new Date().toISOString() ? 'open' : 'ended'
  return { is, until: row.until, ...(row.device_id && { deviceId: row.device_id }) }
}

export async function removeJoinCode(db: Db, actor: Actor, name: string): Promise<void> {
  needRight(actor, 'change')
  await write(db, actor, async (change) => {
    if ((await removeJoinCodes(change.trx, name)) === 0) throw new NotFound(`There is no join code for “${name}”.`)
    change.note({ sentence: `Took back the join code for ${name}`, object: { kind: 'device', id: '', name } })
  })
}

/**
 * Whether this is a code that is good now for this name; undefined: no code at all. What is wrong with one is told only to
 * whoever knows its secret.
 */
export async function judgeJoinCode(
  db: Db,
  { keyId, secret, name }: { keyId: string; secret: string; name: string },
): Promise<true | undefined> {
  const row = await joinCodeRow(db.reader, keyId)
  const fits = timingSafeEqual(Buffer.from(hashOf(secret)), Buffer.from(row?.secret_hash ?? hashOf('')))
  if (!row || !fits) return undefined
  if (row.used) throw new Refused('This join code was used already. Make a new one on the master.', 'key')
  if (row.until <= new Date().toISOString())
    throw new Refused('This join code has ended. Make a new one on the master.', 'key')
  if (row.name !== name) throw new Invalid({ name: `This join code is for ${row.name}, and for no other name.` })
  return true
}

/** Uses a code up in the change that takes the slave in: of two who come at once, one joins. */
export async function takeJoinCode(change: Change, keyId: string, deviceId: string): Promise<void> {
  if (!(await useJoinCode(change.trx, keyId, new Date().toISOString(), deviceId)))
    throw new Refused('This join code was used already. Make a new one on the master.', 'key')
}
