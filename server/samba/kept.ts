import { randomUUID } from 'node:crypto'
import { AlreadyThere, Invalid, NotFound } from '../errors.ts'
import type { KeptBody } from '../store/bodies.ts'
import { seal, unseal } from '../store/nt-hashes.ts'
import { keptKey, ownerOf } from '../store/taken.ts'
import type { Change } from '../store/write.ts'
import { domainIn } from './domain.ts'
import { ownerOfSid } from './sids.ts'

/** What nobody but Samba may see of such an entry: trusts between domains have passwords. */
const secrets = new Set(['sambaClearTextPassword', 'sambaPreviousClearTextPassword', 'sambaNTPassword'])

export type KeptEntry = Omit<KeptBody, 'sealed'>

/** With what is secret open, as far as this node can read it. */
export function openKept(dir: string, id: string, { sealed, ...body }: KeptBody): KeptEntry {
  const open = sealed === undefined ? undefined : unseal(dir, id, sealed)
  return open ? { ...body, values: { ...body.values, ...JSON.parse(open.toString()) } } : body
}

function closeKept(dir: string, id: string, entry: KeptEntry): KeptBody {
  const all = Object.entries(entry.values)
  const open = all.filter(([name]) => !secrets.has(name))
  const secret = all.filter(([name]) => secrets.has(name))
  const body: KeptBody = { ...entry, values: Object.fromEntries(open) }
  if (secret.length > 0) body.sealed = seal(dir, id, Buffer.from(JSON.stringify(Object.fromEntries(secret))))
  return body
}

const nameOf = ({ rdn, values }: Pick<KeptBody, 'rdn' | 'values'>): string => values.displayName?.[0] ?? rdn

export async function insertKept(
  change: Change,
  dir: string,
  given: Pick<KeptBody, 'below' | 'rdn' | 'classes' | 'values'>,
): Promise<void> {
  if (await ownerOf(change.trx, keptKey(given))) throw new AlreadyThere({ rdn: `There is ${given.rdn} already.` })
  const [sid] = given.values.sambaSID ?? []
  const { body: domain } = await domainIn(change)
  if (given.below === 'groups' && sid !== undefined && (await ownerOfSid(change, domain.sid, sid)))
    throw new Invalid({ sid: `The SID ${sid} belongs to another account.` })
  const id = randomUUID()
  const now = new Date().toISOString()
  await change.put('kept', id, closeKept(dir, id, { ...given, added: now, changed: now }))
  change.note({ sentence: `Added ${nameOf(given)} for Samba`, object: { kind: 'kept', id, name: given.rdn } })
}

export async function needKept(
  change: Change,
  dir: string,
  id: string,
): Promise<{ id: string; seq: number; body: KeptEntry }> {
  const object = await change.get('kept', id)
  if (!object) throw new NotFound('This entry does not exist any more.')
  return { ...object, body: openKept(dir, id, object.body) }
}

/** What Samba counts in such entries (numbers it gives out) is nobody's decision, so it is not in the audit. */
export const keepKept = (change: Change, dir: string, id: string, body: KeptEntry): Promise<void> =>
  change.put('kept', id, closeKept(dir, id, { ...body, changed: new Date().toISOString() }))

export async function takeOutKept(change: Change, id: string): Promise<void> {
  const object = await change.get('kept', id)
  if (!object) throw new NotFound('This entry does not exist any more.')
  await change.remove('kept', id)
  change.note({
    sentence: `Removed ${nameOf(object.body)}, which Samba had added`,
    object: { kind: 'kept', id, name: object.body.rdn },
  })
}
