import { z } from 'zod'
import { type Act, actShape, knownActs, type Opens, runAct } from '../accounts/acts.ts'
import { invitedBy } from '../accounts/invitations.ts'
import { needAuthority } from '../accounts/sign-in.ts'
import { Invalid, NotFound, Refused } from '../errors.ts'
import { needSambaAt } from '../replication/scope.ts'
import type { ForwardAnswer, LdapAnswer } from '../replication/wire.ts'
import type { DeviceBody } from '../store/bodies.ts'
import type { Db } from '../store/db.ts'
import { objectById } from '../store/objects.ts'
import { isRequestDone } from '../store/requests.ts'
import { version } from '../version.ts'

/** In whose name the master does something: the object of a client or a person, and from where. */
export type OnBehalf = {
  id: string
  isClient: boolean
  /** The person may set an own password and nothing else. */
  mustChange: boolean
  /** Where they are connected to the slave, and which one that is. */
  address: string
  site: string
  request: string
}

/** Answers one LDAPMessage as if whoever it is had sent it here. */
export type AnswerLdap = (who: OnBehalf, message: Buffer) => Promise<LdapAnswer>

const authority = z.union([
  z.strictObject({ client: z.string().max(64) }),
  z.strictObject({ person: z.string().max(64), password: z.string().max(1024) }),
  z.strictObject({ link: z.string().max(64) }),
])
type Authority = z.output<typeof authority>
type Who = Pick<OnBehalf, 'id' | 'isClient' | 'mustChange'>

const asked = z.object({
  id: z.uuid(),
  as: authority,
  address: z.string().max(64),
  ldap: z
    .base64()
    .max(6 * 1024 * 1024)
    .optional(),
  act: actShape.optional(),
})

const remembered = 1000

/** What slaves have the master do. Each request is done once, however often it comes. */
export function createForwards(db: Db, answerLdap: AnswerLdap) {
  const answers = new Map<string, Promise<ForwardAnswer>>()

  return async function forward(device: DeviceBody, body: unknown): Promise<ForwardAnswer> {
    const request = asked.safeParse(body)
    if (!request.success) throw notUnderstood(db, body, request.error)
    const key = `${device.deviceId} ${request.data.id}`
    const known = answers.get(key)
    if (known) return known
    const answer = answered(device, request.data)
    if (answers.size >= remembered) answers.delete(answers.keys().next().value as string)
    answers.set(key, answer)
    return answer
  }

  async function answered(
    device: DeviceBody,
    { id, as, address, ldap, act }: z.output<typeof asked>,
  ): Promise<ForwardAnswer> {
    // Done before this process began; what its answer was nobody knows any more.
    if (await isRequestDone(db.reader, id))
      return { seq: db.position.seq, ...(ldap !== undefined && { ldap: { code: 0 } }) }
    if ('link' in as && ldap !== undefined)
      throw new Refused('A first-password link sets a password, and does nothing else.', 'link')
    const who = await onBehalf(as, device)
    if (act) await runFor(who, opensWith(as, who), device, { id, address, act })
    if (ldap === undefined) return { seq: db.position.seq }
    const answer = await answerLdap({ ...who, address, site: device.name, request: id }, Buffer.from(ldap, 'base64'))
    return { seq: db.position.seq, ldap: answer }
  }

  /** The record has the person, the address, and at which site. */
  async function runFor(
    who: Who,
    opens: Opens,
    device: DeviceBody,
    { id, address, act }: { id: string; address: string; act: Act },
  ): Promise<void> {
    const person = who.isClient ? undefined : await objectById(db.reader, 'user', who.id)
    if (!person) throw new Refused('Only people do this.', 'role')
    const { username, role } = person.body
    const actor = {
      name: username,
      via: 'web' as const,
      address: `${address} at ${device.name}`,
      id: who.id,
      role,
      request: id,
    }
    await runAct(db, actor, act, opens)
  }

  async function onBehalf(as: Authority, device: DeviceBody): Promise<Who> {
    if ('link' in as) return { id: (await invitedBy(db, as.link)).id, isClient: false, mustChange: false }
    if ('person' in as) {
      const { mustChange } = await needAuthority(db, as.person, as.password)
      return { id: as.person, isClient: false, mustChange }
    }
    const client = await objectById(db.reader, 'client', as.client)
    if (!client) throw new NotFound('There is no such LDAP client.')
    // The slave says that the client has bound there: of those that belong to another it cannot know that.
    if (client.body.device !== undefined && client.body.device !== device.deviceId)
      throw new Refused('This LDAP client belongs to the Samba of another node.', 'role')
    if (client.body.role !== 'samba') throw new Refused('This LDAP client reads; it does not change anything.', 'role')
    needSambaAt(device)
    return { id: client.id, isClient: true, mustChange: false }
  }
}

const opensWith = (as: Authority, who: Who): Opens =>
  'link' in as ? { link: as.link } : who.mustChange ? 'own-password' : 'all'

/** A slave of a newer version asks for what this one does not know: it says so to the person. */
function notUnderstood(db: Db, body: unknown, { issues }: z.ZodError): Error {
  const { data } = z.object({ act: z.object({ do: z.string() }) }).safeParse(body)
  const isNewer =
    data !== undefined && (!knownActs.has(data.act.do) || issues.some(({ code }) => code === 'unrecognized_keys'))
  return isNewer
    ? new Refused(`${db.local.name} has version ${version}, which does not know this.`, 'unknown-act')
    : new Invalid({ '': 'The request is not complete.' })
}
