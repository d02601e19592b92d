import { clientList } from '../accounts/clients.ts'
import { type Job, startJob } from '../accounts/jobs.ts'
import { needRight } from '../accounts/roles.ts'
import { moveUsers } from '../accounts/users.ts'
import type { Actor } from '../audit/actor.ts'
import { NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { countOfKind, objectsByIds } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { deviceList, revokeDevice } from './devices.ts'
import { holding, isWhole } from './scope.ts'

/** What was on a node that is in other hands now. */
export type HeldSecrets = {
  people: { id: string; username: string; first: string; last: string; hasNewPassword: boolean }[]
  /** People with a new password since. */
  done: number
  ntHashes: number
  /** Names of LDAP clients whose passwords it held. */
  clients: string[]
  isWhole: boolean
  stolen?: string
}

const together = 200

async function needDevice(db: Db, deviceId: string) {
  const device = (await deviceList(db)).find((one) => one.deviceId === deviceId)
  if (!device) throw new NotFound(`There is no device “${deviceId}”.`)
  return device
}

/** Whose secrets a device holds, or held when it was stolen: by name. */
export async function secretsHeldBy(db: Db, deviceId: string): Promise<HeldSecrets> {
  const { scope, stolen } = await needDevice(db, deviceId)
  const people: HeldSecrets['people'] = []
  for await (const slice of holding(db, scope)) {
    const found = await objectsByIds(
      db.reader,
      'user',
      slice.map(({ id }) => id),
    )
    for (const { id, body } of found.values()) {
      // Who came later was never on it.
      if (stolen && body.added > stolen) continue
      const { username, first, last, passwordChanged, mustChange } = body
      const hasNewPassword = stolen !== undefined && !mustChange && (passwordChanged ?? '') > stolen
      people.push({ id, username, first, last, hasNewPassword })
    }
  }
  people.sort((a, b) => a.last.localeCompare(b.last, 'en') || a.first.localeCompare(b.first, 'en'))
  const [ntHashes, clients] = await Promise.all([countOfKind(db.reader, 'nt-hash'), clientList(db)])
  return {
    people,
    done: people.filter(({ hasNewPassword }) => hasNewPassword).length,
    ntHashes: scope?.without?.includes('nt-hash') ? 0 : ntHashes,
    clients: clients.map(({ name }) => name),
    isWhole: isWhole(scope),
    ...(stolen && { stolen }),
  }
}

/** Takes the credential away, and has everybody whose secrets were there set a new password; the record names them. */
export async function reportStolen(db: Db, actor: Actor, deviceId: string, back: string): Promise<Job> {
  needRight(actor, 'change')
  const { name, id } = await needDevice(db, deviceId)
  await revokeDevice(db, actor, deviceId, { stolen: true })
  const held = (await secretsHeldBy(db, deviceId)).people.filter(({ hasNewPassword }) => !hasNewPassword)
  // Whoever does this comes last: from then on the own pages ask for a new password first.
  const ids = held.map((one) => one.id).sort((a, b) => Number(a === actor.id) - Number(b === actor.id))
  const told = { doing: 'Asking for new passwords', done: 'must set a new password', of: 'person' as const, back }
  return startJob(db, actor, { total: ids.length, told }, async function* (actor) {
    for (let at = 0; at < ids.length; at += together) {
      const here = ids.slice(at, at + together)
      const changed = await write(db, actor, async (change) => {
        const moved = await moveUsers(change, here, (body) =>
          body.password === undefined || body.mustChange ? undefined : { ...body, mustChange: true },
        )
        if (moved.length === 0) return 0
        change.note({
          sentence: `Asked ${moved.length} ${moved.length === 1 ? 'person' : 'people'} for a new password: ${name} was stolen`,
          object: { kind: 'device', id, name },
          changes: [{ field: 'people', after: moved.map(({ body }) => body.username).join(', ') }],
          receipt: moved.length,
        })
        return moved.length
      })
      yield { done: here.length, changed, refused: [] }
    }
  })
}
