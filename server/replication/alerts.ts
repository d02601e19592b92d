import type { Logger } from 'pino'
import { needRight } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, messageOf, type Problems, Unavailable } from '../errors.ts'
import type { Db } from '../store/db.ts'
import type { Alerts } from '../store/local.ts'
import { commit } from '../store/write.ts'
import { type Message, sendMail, sendWebhook } from './messages.ts'
import { type DeviceStatus, deviceStatuses } from './status.ts'

const minuteMs = 60_000
const mostMinutes = 7 * 24 * 60

/** Who is told when a slave falls behind; this node's own, and it does not travel. */
export const alertsOf = (db: Db): Alerts => db.local.alerts ?? { afterMinutes: 15 }

export const isTold = ({ webhook, mailTo }: Alerts): boolean => Boolean(webhook || mailTo)

export type AlertsInput = { webhook?: string | undefined; mailTo?: string | undefined; afterMinutes: string }

/** An empty address is nobody; a webhook that is left out stays as it is, since it is never shown whole. */
export async function changeAlerts(db: Db, actor: Actor, input: AlertsInput): Promise<void> {
  needRight(actor, 'change')
  const before = alertsOf(db)
  const webhook = input.webhook === undefined ? before.webhook : input.webhook.trim()
  const mailTo = (input.mailTo ?? '').trim()
  const afterMinutes = Number(input.afterMinutes)
  const problems: Problems = {}
  if (webhook && !isWebhook(webhook))
    problems.webhook = 'Webhook must be an address such as https://chat.example.lan/hooks/x1.'
  if (mailTo && !/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(mailTo))
    problems.mailTo = 'E-mail must be one address, as in admins@example.lan.'
  if (!Number.isInteger(afterMinutes) || afterMinutes < 1 || afterMinutes > mostMinutes)
    problems.afterMinutes = 'Minutes must be a whole number from 1 to 10,080.'
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  const alerts: Alerts = { ...(webhook && { webhook }), ...(mailTo && { mailTo }), afterMinutes }
  await commit(db, actor, async (change) => {
    change.local({ alerts })
    change.note({
      sentence: 'Changed who is told when a device falls behind',
      changes: [
        { field: 'webhook', before: hostOf(before.webhook), after: hostOf(webhook) },
        { field: 'mailTo', ...(before.mailTo && { before: before.mailTo }), ...(mailTo && { after: mailTo }) },
        { field: 'afterMinutes', before: String(before.afterMinutes), after: String(afterMinutes) },
      ].filter((one) => one.before !== one.after),
    })
  })
}

function isWebhook(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && text.length <= 1000
}

/** The path of a webhook is as good as a password: only its host is shown. */
export const hostOf = (webhook: string | undefined): string => (webhook ? new URL(webhook).host : 'none')

/** Sends a message that says it is a test; throws what went wrong, in words. */
export async function testAlerts(db: Db, actor: Actor): Promise<void> {
  needRight(actor, 'change')
  const alerts = alertsOf(db)
  if (!isTold(alerts)) throw new Invalid({ '': 'Nobody is told yet. Save an address first.' })
  const problem = await send(alerts, {
    node: db.local.name,
    at: new Date().toISOString(),
    subject: `Test from ${db.local.name}`,
    text: `This is a test. ${db.local.name} tells here when a device falls behind for ${alerts.afterMinutes} minutes.`,
    devices: [],
  })
  if (problem) throw new Unavailable(problem)
}

/** Both ways are tried; the answer says what did not work. */
async function send({ webhook, mailTo }: Alerts, message: Message): Promise<string | undefined> {
  const tries = [webhook && sendWebhook(webhook, message), mailTo && sendMail(mailTo, message)].filter(
    (one) => one !== '',
  )
  const ends = await Promise.allSettled(tries)
  const faults = ends.flatMap((end) => (end.status === 'rejected' ? [messageOf(end.reason)] : []))
  return faults.length > 0 ? faults.join(' ') : undefined
}

export type Watch = { look: (now?: number) => Promise<void> }

/** Tells when a slave has not been equal for too long, or cannot go on by itself; and when it is equal again. */
export function watchFleet(db: Db, log: Logger): Watch {
  const wrongSince = new Map<string, number>()
  const told = new Map<string, string>()
  let failed = false

  async function look(now = Date.now()): Promise<void> {
    const alerts = alertsOf(db)
    if (db.local.mode !== 'master' || !isTold(alerts)) return
    const devices = (await deviceStatuses(db)).filter(({ status }) => status === 'active')
    for (const id of [...told.keys(), ...wrongSince.keys()])
      if (!devices.some(({ deviceId }) => deviceId === id)) {
        told.delete(id)
        wrongSince.delete(id)
      }
    for (const device of devices) {
      if (!isWrong(device)) wrongSince.delete(device.deviceId)
      else if (!wrongSince.has(device.deviceId)) wrongSince.set(device.deviceId, beganAt(device, now))
    }
    const late = devices.filter(({ deviceId }) => {
      const since = wrongSince.get(deviceId)
      return since !== undefined && !told.has(deviceId) && now - since >= alerts.afterMinutes * minuteMs
    })
    const well = devices.filter(({ deviceId }) => told.has(deviceId) && !wrongSince.has(deviceId))
    if (late.length + well.length === 0) return
    const problem = await send(alerts, messageOn(db, late, well, now))
    if (problem) {
      // Once per outage, not once per try.
      if (!failed) log.warn({ reason: problem }, 'nobody could be told of devices that are behind; it is tried again')
      failed = true
      return
    }
    failed = false
    for (const { deviceId, name } of late) told.set(deviceId, name)
    for (const { deviceId } of well) told.delete(deviceId)
  }
  return { look }
}

const isWrong = (device: DeviceStatus): boolean =>
  device.state === 'away' || device.state === 'behind' || device.trouble.some(({ kind }) => kind === 'bad')

/** Away since it was last heard of, also before this node began to run. */
const beganAt = ({ state, lastContact }: DeviceStatus, now: number): number =>
  state === 'away' && lastContact ? Date.parse(lastContact) : now

function messageOn(db: Db, late: DeviceStatus[], well: DeviceStatus[], now: number): Message {
  const names = (devices: DeviceStatus[]) => devices.map(({ name }) => name).join(', ')
  const parts = [
    late.length > 0 && `${names(late)} ${late.length === 1 ? 'is' : 'are'} not equal to ${db.local.name}`,
    well.length > 0 && `${names(well)} ${well.length === 1 ? 'is' : 'are'} equal again`,
  ].filter(Boolean)
  const lines = late.flatMap((device) => {
    const [first] = device.trouble
    const what = first ? `${first.title}. ${first.text}` : `${device.lag} changes behind.`
    return ['', `${device.name}: ${what}`, ...(first?.steps ?? []).map((step, at) => `  ${at + 1}. ${step}`)]
  })
  return {
    node: db.local.name,
    at: new Date(now).toISOString(),
    subject: parts.join('; '),
    text: [`${parts.join('; ')}.`, ...lines].join('\n'),
    devices: [...late, ...well].map(({ name, deviceId, state, lag, lastContact, trouble }) => ({
      name,
      deviceId,
      state,
      lag,
      ...(lastContact && { lastContact }),
      trouble: trouble.map(({ code, title }) => ({ code, title })),
    })),
  }
}
