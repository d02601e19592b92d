import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { z } from 'zod'
import { takeWrongPasswords } from '../accounts/sign-in.ts'
import type { Actor } from '../audit/actor.ts'
import { Invalid, Refused, Unavailable } from '../errors.ts'
import { whenGone } from '../gone.ts'
import type { Log } from '../log.ts'
import { epochName } from '../mode/epoch.ts'
import { bowToNewer } from '../mode/fence.ts'
import type { Coding } from '../replication/coding.ts'
import { endPolls, hear, pollOpens } from '../replication/contact.ts'
import { enrolDevice, noteSyncUrl, ntHashKeyOf, renewCertificate, takeCredential } from '../replication/devices.ts'
import { ownFleet } from '../replication/fleet.ts'
import { giveKey, takesOver } from '../replication/hand-over.ts'
import { urlOf } from '../replication/join.ts'
import { judgePosition, noteOlderStore, ownDigest, waitForChange } from '../replication/master.ts'
import { confirm } from '../replication/receipts.ts'
import { readReport } from '../replication/report.ts'
import { answerSamba } from '../replication/samba.ts'
import { heldNow, isWhole, scopedDigest, travelling } from '../replication/scope.ts'
import { buckets, headers, protocol } from '../replication/wire.ts'
import { sambaReport } from '../samba/reports.ts'
import type { DeviceBody } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { createAnswers, type Encoded } from './answers.ts'
import { errorHandler, sendProblem } from './errors.ts'
import { type AnswerLdap, createForwards } from './forward.ts'
import { credentialIn, knownDevice } from './known.ts'

/** What slaves call on port 8154. `webUrl` is told to them, for links to the master's pages. */
export function createPullApp(
  db: Db,
  log: Log,
  webUrl: () => string | undefined,
  answerLdap: AnswerLdap,
  filesPort: () => number | undefined = () => undefined,
): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  const answers = createAnswers(db)
  const forwards = createForwards(db, answerLdap)
  const enrolments = new RateLimiterMemory({ points: 10, duration: 60 })
  endPollsOfRevoked(db)

  app.use((req, res, next) => {
    res.set('cache-control', 'no-store')
    // Who announces a newer master says where it is, also to one that has only heard that there is one.
    const isAnnounced = req.path === '/v1/changes' && req.query.port !== undefined
    if (db.local.newer && !isAnnounced) return sendMoved(res, db, db.local.newer.url)
    if (db.local.mode !== 'master') throw new Refused(`${db.local.name} is not a master.`, 'not-master')
    next()
  })
  app.get('/v1/epoch', (_req, res) =>
    res.json({ epoch: epochName(db.position), sig: db.position.epochSig, name: db.local.name }),
  )
  app.post('/v1/enrol', express.json({ limit: '32kb' }), enrol)
  app.get('/v1/changes', changes)
  app.get('/v1/digest', digest)
  app.get('/v1/objects', objects)
  app.get('/v1/fleet', knownFirst, (_req, res) => res.json(ownFleet(db)))
  app.post('/v1/hand-over', handOver)
  app.post('/v1/forward', knownFirst, express.json({ limit: '8mb' }), forward)
  app.post('/v1/sign-ins', knownFirst, express.json({ limit: '4mb' }), signIns)
  app.post('/v1/certificate', express.json({ limit: '32kb' }), certificate)
  app.post('/v1/credential', knownFirst, express.json({ limit: '1kb' }), credential)
  app.get('/v1/nt-hash-key', sealingKey)
  app.post('/v1/samba', knownFirst, express.json({ limit: '32kb' }), samba)
  app.use((_req, res) =>
    sendProblem(res, { status: 404, title: 'Not found', detail: 'There is nothing here.', code: 'not-found' }),
  )
  app.use(errorHandler(log))
  return app

  async function enrol(req: Request, res: Response): Promise<void> {
    const asked = enrolRequest.safeParse(req.body ?? {})
    if (!asked.success) throw new Invalid({ '': 'The enrolment is not complete.' })
    if (asked.data.protocol !== protocol) throw new Refused(`This master speaks protocol ${protocol}.`, 'protocol')
    const address = req.ip ?? ''
    await enrolments.consume(address).catch(() => {
      throw new Unavailable('Too many tries to enrol from this address. Try again in a minute.', 60)
    })
    const actor: Actor = { name: asked.data.name, via: 'replication', address }
    const { port } = asked.data
    const answer = await enrolDevice(db, actor, asked.data, port === undefined ? undefined : urlAt(req, port))
    await enrolments.delete(address)
    log.info({ device: asked.data.deviceId, name: asked.data.name, address }, 'a device joined')
    res.status(201).json(answer)
  }

  async function changes(req: Request, res: Response): Promise<void> {
    const asked = changesQuery.parse(req.query)
    // Before anything else: the signature of the cluster's key says more than a device's credential.
    const { epoch, sig, name, port } = asked
    if (await bowToNewer(db, { epoch, sig, ...(port && { name, url: urlAt(req, port) }) })) {
      log.error({ epoch, name }, 'another node is master now; nothing is changed here any more')
      endPolls(db)
      return sendMoved(res, db, db.local.newer?.url)
    }
    const device = await knownDevice(db, req)
    await note(req, device, asked.since, asked.hash)
    let refusal = await judgePosition(db, asked, device.scope)
    if (refusal?.code === 'ahead' && (await noteOlderStore(db, asked))) {
      log.error({ device: device.name, seq: asked.since }, 'a slave is ahead of this master: its store is an older one')
      refusal = await judgePosition(db, asked, device.scope)
    }
    if (refusal) return sendProblem(res, { title: 'Another history', ...refusal, ...(await standing(res, device)) })
    confirm(db, device.deviceId, asked.since)
    const gone = whenGone(res)
    const closes = pollOpens(db, device.deviceId, () => {
      gone.abort()
      // Its reader may have gone without a word.
      if (res.headersSent) res.destroy()
    })
    try {
      // A new epoch is news, even where nothing changed in it yet.
      const waitMs = asked.epoch === epochName(db.position) ? asked.wait * 1000 : 0
      await waitForChange(db, asked.since, waitMs, gone.signal)
      if (res.closed || res.destroyed) return
      // It may have been revoked while it waited; or this node ends, and the next request finds nobody.
      const { scope } = await knownDevice(db, req)
      const at = await standing(res, device)
      if (takesOver(db, device)) res.set(headers.takeOver, '1')
      if (at.seq === asked.since && at.epoch === asked.epoch) return void res.status(204).end()
      await sendEncoded(res, await answers.since(asked.since, codingFor(req), scope))
    } finally {
      closes()
    }
  }

  async function digest(req: Request, res: Response): Promise<void> {
    const device = await knownDevice(db, req)
    await standing(res, device)
    res.json(await (isWhole(device.scope) ? ownDigest(db) : scopedDigest(db, device.scope)))
  }

  async function objects(req: Request, res: Response): Promise<void> {
    const device = await knownDevice(db, req)
    const { buckets, since } = objectsQuery.parse(req.query)
    const closes = pollOpens(db, device.deviceId, () => res.destroy())
    try {
      await standing(res, device)
      await sendEncoded(res, await answers.buckets(new Set(buckets), since, codingFor(req), device.scope))
    } finally {
      closes()
    }
  }

  async function handOver(req: Request, res: Response): Promise<void> {
    const device = await knownDevice(db, req)
    const key = await giveKey(db, device, changesQuery.parse(req.query))
    log.warn({ device: device.name }, 'the cluster’s key was handed over')
    res.json(key)
  }

  async function forward(req: Request, res: Response): Promise<void> {
    res.json(await forwards(res.locals.device, req.body))
  }

  async function samba(req: Request, res: Response): Promise<void> {
    const { device } = res.locals
    const actor: Actor = { name: device.name, via: 'replication', address: req.ip ?? '' }
    res.json(await answerSamba(db, actor, device, sambaRequest.parse(req.body ?? {})))
  }

  /** For a device that joined before there was one. */
  async function sealingKey(req: Request, res: Response): Promise<void> {
    await knownDevice(db, req)
    res.json({ key: ntHashKeyOf(db) })
  }

  async function signIns(req: Request, res: Response): Promise<void> {
    const { people } = signInsRequest.parse(req.body ?? {})
    const { deviceId, scope }: DeviceBody = res.locals.device
    // Nobody can guess where there is nothing to guess against: such a site locks nobody out.
    const there = await travelling(
      db,
      scope,
      people.map(({ id }) => id),
    )
    await takeWrongPasswords(
      db,
      deviceId,
      people.filter(({ id }) => there.has(id)),
    )
    res.json({})
  }

  async function certificate(req: Request, res: Response): Promise<void> {
    const device = await knownDevice(db, req)
    const asked = certificateRequest.parse(req.body ?? {})
    res.json({ certificate: await renewCertificate(db, device, asked.request, asked.names) })
  }

  async function credential(req: Request, res: Response): Promise<void> {
    const device: DeviceBody = res.locals.device
    const asked = credentialRequest.safeParse(req.body ?? {})
    if (!asked.success) throw new Invalid({ '': 'The request is not complete.' })
    const actor: Actor = { name: device.name, via: 'replication', address: req.ip ?? '' }
    await takeCredential(db, actor, device.deviceId, credentialIn(req), asked.data.tokenHash)
    res.json({})
  }

  /** What is long is read from nobody else. */
  async function knownFirst(req: Request, res: Response, next: NextFunction): Promise<void> {
    res.locals.device = await knownDevice(db, req)
    next()
  }

  async function note(req: Request, device: DeviceBody, seq: number, hash: string): Promise<void> {
    const mine = await ownPosition(device)
    const now = new Date().toISOString()
    const report = readReport(req.get(headers.report))
    if (report?.port)
      noteSyncUrl(db, device, urlAt(req, report.port)).catch((error) =>
        log.warn({ err: error, device: device.name }, 'where it would answer as master was not noted'),
      )
    hear(db, {
      deviceId: device.deviceId,
      seq,
      hash,
      address: req.ip,
      version: req.get('sync-version')?.slice(0, 32),
      lastContact: now,
      ...(report && { report }),
      ...(seq === mine.seq && hash === mine.hash && { provedAt: now, provedSeq: seq }),
    })
  }

  /** What this device is to be equal to. */
  async function ownPosition({ scope }: DeviceBody): Promise<{ seq: number; hash: string }> {
    return isWhole(scope) ? db.position : heldNow(db, scope)
  }

  async function standing(res: Response, device: DeviceBody): Promise<{ seq: number; epoch: string }> {
    const { seq, hash } = await ownPosition(device)
    res.set({
      [headers.seq]: String(seq),
      [headers.hash]: hash,
      [headers.epoch]: epochName(db.position),
      [headers.epochs]: (db.local.epochs ?? []).join(','),
      [headers.name]: encodeURIComponent(db.local.name),
      [headers.web]: encodeURIComponent(webUrl() ?? ''),
      [headers.files]: String(filesPort() ?? 0),
    })
    return { seq, epoch: epochName(db.position) }
  }
}

function sendMoved(res: Response, db: Db, url: string | undefined): void {
  sendProblem(res, {
    status: 409,
    title: 'Another node is master',
    detail: `${db.local.name} is not the master any more${url ? `; ${url} is` : ''}.`,
    code: 'moved',
    ...(url && { master: url }),
  })
}

const urlAt = (req: Request, port: number): string => urlOf({ host: (req.ip ?? '').replace(/^::ffff:/, ''), port })

/** A device that is revoked hears of it while its poll is open. */
function endPollsOfRevoked(db: Db): void {
  onChanges(db, (changes) => {
    if (changes === 'all') return endPolls(db)
    for (const { kind, body } of changes)
      if (kind === 'device' && body?.status === 'revoked') endPolls(db, body.deviceId)
  })
}

const codingFor = (req: Request): Coding => (req.acceptsEncodings('br', 'gzip', 'identity') || 'identity') as Coding

function sendEncoded(res: Response, { body, coding }: Encoded): Promise<void> {
  res.set({ 'content-type': 'application/x-ndjson', 'content-length': String(body.length) })
  if (coding !== 'identity') res.set('content-encoding', coding)
  return new Promise((resolve) => {
    res.once('close', resolve)
    res.end(body)
  })
}

const whole = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

const syncPort = z.coerce.number().int().min(1).max(65_535)

const changesQuery = z.object({
  since: whole,
  hash: z.string().max(32).default(''),
  epoch: z.string().max(64).default(''),
  sig: z.string().max(128).default(''),
  name: z.string().max(64).optional(),
  port: syncPort.optional(),
  wait: z.coerce.number().int().min(0).max(60).default(0),
})

const objectsQuery = z.object({
  buckets: z
    .string()
    .max(1024)
    .transform((text) =>
      text
        .split(',')
        .filter((bucket) => bucket !== '')
        .map(Number)
        .filter((bucket) => bucket >= 0 && bucket < buckets),
    ),
  since: whole.default(Number.MAX_SAFE_INTEGER),
})

const pem = z.string().min(1).max(8192)
const names = z.array(z.string().max(253)).max(64)
const credentialRequest = z.object({ tokenHash: z.string().regex(/^[0-9a-f]{64}$/) })

const certificateRequest = z.object({ request: pem, names })
const signInsRequest = z.object({
  people: z
    .array(
      z.object({
        id: z.string().max(64),
        against: z.string().max(128),
        tries: z.array(z.number().min(0)).max(1000),
        locked: z.boolean(),
      }),
    )
    .max(1000),
})
const netbios = z.string().max(32)
const sambaRequest = z.union([
  z.strictObject({ server: netbios }),
  z.strictObject({ machine: netbios }),
  z.strictObject({ report: sambaReport }),
])
const enrolRequest = z.object({
  keyId: z.string().max(16),
  secret: z.string().max(128),
  deviceId: z.string().regex(/^D(-[0-9A-Z]{4}){3}$/),
  name: z.string().max(64),
  version: z.string().max(32),
  protocol: z.number().int(),
  request: pem,
  names,
  port: syncPort.optional(),
})
