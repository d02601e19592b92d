import { declared } from '../accounts/declarations.ts'
import { ntHash } from '../accounts/md4.ts'
import { thisNode } from '../audit/actor.ts'
import type { NtHashBody, UserBody } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { hasWindows, openHash, sealHash } from '../store/nt-hashes.ts'
import { objectById } from '../store/objects.ts'
import { type Change, write } from '../store/write.ts'

/** Keeps a hash: 32 hex digits. Where it is the same already, nothing moves. */
export async function putHash(
  change: Change,
  dir: string,
  id: string,
  of: NtHashBody['of'],
  hash: string,
): Promise<void> {
  const there = await change.get('nt-hash', id)
  if (there && openHash(dir, id, there.body) === hash.toUpperCase()) return
  await change.put('nt-hash', id, { of, sealed: sealHash(dir, id, hash) })
}

/** The hash that is kept under this id, as Samba reads it. */
export async function hashOf(db: Db, trx: Change['trx'] | Db['reader'], id: string): Promise<string | undefined> {
  const object = await objectById(trx, 'nt-hash', id)
  return object && openHash(db.dir, id, object.body)
}

type Person = { id: string; body: UserBody }

/** For whom it was seen that a hash is there, by their password: a service may sign somebody in many times a second. */
const seen = new WeakMap<Db, Map<string, string>>()

/** Somebody has signed in with this password: if they have a Windows account and no hash yet, it can be made now. */
export async function learnHash(db: Db, { id, body }: Person, password: string): Promise<void> {
  if (!hasWindows(body) || body.password === undefined || whyNoChange(db.local)) return
  const known = seen.get(db) ?? keepSeen(db)
  if (known.get(id) === body.password) return
  if (!(await declared(db)).extension('samba')?.on) return
  if (!(await objectById(db.reader, 'nt-hash', id)))
    await write(db, thisNode, async (change) => {
      const now = await change.get('user', id)
      if (now?.body.password === body.password && hasWindows(now?.body))
        await putHash(change, db.dir, id, 'user', ntHash(password).toString('hex'))
    })
  known.set(id, body.password)
}

function keepSeen(db: Db): Map<string, string> {
  const known = new Map<string, string>()
  seen.set(db, known)
  onChanges(db, (changes) => {
    if (changes === 'all') known.clear()
    else for (const { kind, id, body } of changes) if (kind === 'nt-hash' && !body) known.delete(id)
  })
  return known
}
