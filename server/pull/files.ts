import { type FileHandle, open } from 'node:fs/promises'
import express, { type Express, type Request, type Response } from 'express'
import { countBlob } from '../counters.ts'
import { Invalid, NotFound, Refused, Unavailable } from '../errors.ts'
import { blobPath } from '../filesync/blobs.ts'
import { knowSealing } from '../filesync/certificates.ts'
import { statesShape, toldStates } from '../filesync/states.ts'
import type { Log } from '../log.ts'
import type { DeviceBody } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { usesOf } from '../store/files-kept.ts'
import { errorHandler, sendProblem } from './errors.ts'
import { knownDevice } from './known.ts'

const perDevice = 16
const chunkBytes = 1024 * 1024

/** What slaves call on port 8155: blobs by their SHA-256, one a request, and how their sets are. */
export function createFilesApp(db: Db, log: Log): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  const sending = new Map<string, Set<Response>>()
  endThoseOfRevoked()

  app.use((_req, res, next) => {
    res.set('cache-control', 'no-store')
    if (db.local.mode !== 'master') throw new Refused(`${db.local.name} is not a master.`, 'not-master')
    next()
  })
  app.get('/v1/blobs/:sha256', sendBlob)
  app.post(
    '/v1/state',
    async (req, res, next) => {
      res.locals.device = await knownDevice(db, req)
      next()
    },
    express.json({ limit: '256kb' }),
    takeState,
  )
  app.use((_req, res) =>
    sendProblem(res, { status: 404, title: 'Not found', detail: 'There is nothing here.', code: 'not-found' }),
  )
  app.use(errorHandler(log))
  return app

  async function sendBlob(req: Request, res: Response): Promise<void> {
    const device = await knownDevice(db, req)
    const sha256 = String(req.params.sha256)
    if (!/^[0-9a-f]{64}$/.test(sha256) || !(await mayHave(device, sha256))) throw new NotFound('There is no such file.')
    const mine = sending.get(device.deviceId) ?? new Set()
    sending.set(device.deviceId, mine)
    if (mine.size >= perDevice) throw new Unavailable('This device fetches too much at once.', 1)
    const file = await open(blobPath(db.dir, sha256)).catch(() => {
      throw new NotFound('This version is not kept here any more.')
    })
    mine.add(res)
    try {
      const { size } = await file.stat()
      const start = startOf(req.headers.range, size)
      if (start === undefined) return void res.status(416).set('content-range', `bytes */${size}`).end()
      res.status(start > 0 ? 206 : 200).set({
        'content-type': 'application/octet-stream',
        'content-length': String(size - start),
        'accept-ranges': 'bytes',
        ...(start > 0 && { 'content-range': `bytes ${start}-${size - 1}/${size}` }),
      })
      countBlob(size - start)
      // A line that breaks off is the other side's affair.
      await send(file, start, res).catch(() => res.destroy())
    } finally {
      mine.delete(res)
      await file.close()
    }
  }

  /** What some file of one of its sets holds now, and no file that is for another node alone. */
  async function mayHave({ deviceId, scope }: DeviceBody, sha256: string): Promise<boolean> {
    return (await usesOf(db.reader, sha256)).some(
      (use) => !scope?.withoutSets?.includes(use.set) && (use.for === null || use.for === deviceId),
    )
  }

  async function takeState(req: Request, res: Response): Promise<void> {
    const device: DeviceBody = res.locals.device
    const said = statesShape.safeParse(req.body)
    if (!said.success) throw new Invalid({ '': 'How the files are is not said as the protocol says.' })
    toldStates(db).set(device.deviceId, { at: new Date().toISOString(), sets: said.data.sets })
    if (said.data.sealing) await knowSealing(db, device, said.data.sealing)
    res.json({})
  }

  function endThoseOfRevoked(): void {
    onChanges(db, (changes) => {
      for (const change of changes === 'all' ? [] : changes)
        if (change.kind === 'device' && change.body?.status === 'revoked')
          for (const res of sending.get(change.body.deviceId) ?? []) res.destroy()
    })
  }
}

/** Two buffers in turns, of which one is read into while the other is sent: a stream would make a new one for each part. */
async function send(file: FileHandle, start: number, res: Response): Promise<void> {
  const length = Math.min(chunkBytes, Math.max(1, (await file.stat()).size - start))
  const buffers = [Buffer.allocUnsafe(length), Buffer.allocUnsafe(length)] as const
  const read = (turn: 0 | 1, at: number) => file.read(buffers[turn], 0, length, at)
  let turn: 0 | 1 = 0
  let next = read(turn, start)
  for (let at = start; ; ) {
    const { bytesRead, buffer } = await next
    if (bytesRead === 0) break
    at += bytesRead
    turn = turn === 0 ? 1 : 0
    next = read(turn, at)
    next.catch(() => {})
    // Whoever is gone takes nothing any more: the callback then comes with an error, or with the close.
    await new Promise<void>((resolve, reject) => {
      const gone = () => reject(new Error('the line is gone'))
      res.once('close', gone)
      res.write(buffer.subarray(0, bytesRead), (error) => {
        res.off('close', gone)
        if (error) reject(error)
        else resolve()
      })
    })
  }
  await next
  res.end()
}

/** `bytes=N-`, as an interrupted transfer asks; anything else is answered whole, as RFC 9110 allows. */
function startOf(range: string | undefined, size: number): number | undefined {
  const asked = /^bytes=(\d{1,15})-$/.exec(range ?? '')
  if (!asked) return 0
  const start = Number(asked[1])
  return start < size ? start : undefined
}
