import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { maxBytes } from '../accounts/csv-file.ts'
import type { Actor } from '../audit/actor.ts'
import { Unavailable } from '../errors.ts'
import { whenGone } from '../gone.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { bearers } from './bearer.ts'
import { readBody } from './body.ts'
import type { Call } from './command.ts'
import { needRightFor, runCommand } from './commands.ts'
import { type Described, describe, kindOf } from './described.ts'
import { parseJson } from './json.ts'
import { openApi } from './openapi.ts'
import { problemOf, problemType, RequestProblem } from './problem.ts'
import { base, type Method, partsOf, routes } from './routes.ts'

const maxJsonBytes = 2 * 1024 * 1024

type Node = { db: Db; log: Logger; secure: boolean }

/** The API of one node: `/api/v1`, with bearer tokens and nothing that a browser sends by itself. */
export function createRestApi({ db, log, secure }: Node): RequestListener {
  const actorOf = bearers(db)
  const find = finder()
  return (req, res) => {
    res.setHeader('cache-control', 'no-store')
    res.setHeader('x-content-type-options', 'nosniff')
    res.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
    if (secure) res.setHeader('strict-transport-security', 'max-age=31536000')
    answer({ db, find, actorOf }, req, res).catch((error) => sendProblem(log, req, res, error))
  }
}

type Api = { db: Db; find: ReturnType<typeof finder>; actorOf: (req: IncomingMessage) => Promise<Actor> }

async function answer({ db, find, actorOf }: Api, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = urlOf(req)
  if (url.pathname === `${base}/openapi.json`) return sendDocument(req, res)
  const actor = await actorOf(req)
  const { route, parts } = find(req.method ?? '', url.pathname)
  needRightFor(actor, route.command)
  if (!accepts(req, route.gives ?? 'application/json'))
    throw new RequestProblem(406, 'accept', `This is answered as ${route.gives ?? 'application/json'} only.`)
  const why = route.method === 'GET' || route.isLocal ? undefined : whyNoChange(db.local)
  if (why) throw why
  const args = { ...(await sent(route, url, req)), ...parts, ...route.fixed, ...expectedOf(route, req) }
  const call: Call = { db, actor, signal: whenGone(res).signal, progress: () => {} }
  if (route.gives) return sendText(route, { ...call, progress: writeTo(res, route.gives) }, args, res)
  send(route, url, res, await runCommand(route.command, call, args))
}

/** Raw bytes in a path are for nobody; what cannot be read is no address here. */
function urlOf(req: IncomingMessage): URL {
  try {
    return new URL(req.url ?? '', 'http://node')
  } catch {
    throw new RequestProblem(400, 'address', 'The address cannot be read.')
  }
}

/** The route of a path; of several that fit, the one with the fewest parts to fill in. */
function finder() {
  const all = routes.map((route) => ({
    route: describe(route),
    names: partsOf(route.path),
    pattern: new RegExp(`^${base}${route.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '([^/]+)')}$`),
  }))
  all.sort((a, b) => a.names.length - b.names.length)
  return (method: string, path: string): { route: Described; parts: Record<string, unknown> } => {
    const fitting = all.filter(({ pattern }) => pattern.test(path))
    if (fitting.length === 0) throw new RequestProblem(404, 'not-found', 'There is nothing at this address.')
    const wanted = method === 'HEAD' ? 'GET' : method
    const found = fitting.find(({ route }) => route.method === wanted)
    if (!found) {
      const methods = [
        ...new Set<Method | 'HEAD'>(
          fitting.flatMap(({ route }) => (route.method === 'GET' ? ['GET', 'HEAD'] : route.method)),
        ),
      ]
      throw new RequestProblem(405, 'method', `This address takes ${methods.join(', ')}.`, {
        allow: methods.join(', '),
      })
    }
    const values = found.pattern.exec(path)?.slice(1) ?? []
    const parts = found.names.map((name, index) => [name, read(found.route, name, part(values[index] ?? ''))])
    return { route: found.route, parts: Object.fromEntries(parts) }
  }
}

function part(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new RequestProblem(400, 'address', 'The address cannot be read.')
  }
}

/** A word of the address, as what the argument is. */
function read(route: Described, name: string, word: string): unknown {
  const kind = kindOf(route.args.shape[name] as never)
  if (kind === 'number' && /^-?\d{1,15}$/.test(word)) return Number(word)
  if (kind === 'boolean' && (word === 'true' || word === 'false')) return word === 'true'
  return word
}

function accepts(req: IncomingMessage, type: string): boolean {
  const accept = req.headers.accept
  if (accept === undefined) return true
  const [family] = type.split('/')
  return accept.split(',').some((part) => {
    const [range = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
    if (parameters.some((one) => /^q=0(\.0*)?$/.test(one))) return false
    return range === '*/*' || range === `${family}/*` || range === type
  })
}

const inQuery = (route: Described, url: URL): Record<string, unknown> => {
  const found: Record<string, unknown> = {}
  for (const [name, word] of url.searchParams) {
    if (!route.query.includes(name))
      throw new RequestProblem(400, 'query', `There is no parameter “${name.slice(0, 64)}” here.`)
    if (Object.hasOwn(found, name)) throw new RequestProblem(400, 'query', `The address names “${name}” twice.`)
    found[name] = read(route, name, word)
  }
  return found
}

async function sent(route: Described, url: URL, req: IncomingMessage): Promise<object> {
  const query = inQuery(route, url)
  if (route.takesFile) return { ...query, ...(await fileOf(req, query)) }
  if (!route.body) return query
  const type = contentType(req)
  if (type !== 'application/json' && !(route.method === 'PATCH' && type === 'application/merge-patch+json'))
    throw wrongType('application/json')
  const value = parseJson(await readBody(req, maxJsonBytes))
  // Here a member is unknown when it is not one of the body, though the command has an argument of that name.
  route.body.parse(value)
  return { ...query, ...(value as object) }
}

const contentType = (req: IncomingMessage): string =>
  (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

const wrongType = (takes: string): RequestProblem =>
  new RequestProblem(415, 'content-type', `The body must be ${takes}; say so as its Content-Type.`)

const fileTypes: Record<string, string> = {
  'text/csv': 'people.csv',
  'text/ldif': 'people.ldif',
  'application/ldif': 'people.ldif',
  'text/x-ldif': 'people.ldif',
}

async function fileOf(req: IncomingMessage, query: Record<string, unknown>): Promise<object> {
  const name = fileTypes[contentType(req)]
  if (!name) throw wrongType('text/csv or text/ldif')
  const bytes = await readBody(req, maxBytes)
  return { file: query.file ?? name, content: bytes }
}

/** If-Match is the ETag that a read gave. A weak one, or several, cannot be what a change stands on. */
function expectedOf(route: Described, req: IncomingMessage): { expectedSeq?: number } {
  const given = req.headers['if-match']
  if (given === undefined || given.trim() === '*' || route.method === 'GET') return {}
  // What is not looked at must not seem to be.
  if (!route.isGuarded) throw new RequestProblem(400, 'if-match', 'If-Match is not taken at this address.')
  const [, seq] = /^\s*"(\d{1,15})"\s*$/.exec(given) ?? []
  if (!seq) throw new RequestProblem(412, 'changed', `If-Match must be one ETag of this address, as "123".`)
  return { expectedSeq: Number(seq) }
}

type Seen = { seq?: number; next?: string | null }

function send(route: Described, url: URL, res: ServerResponse, result: unknown): void {
  if (result === undefined) {
    res.statusCode = 204
    res.end()
    return
  }
  const body = Array.isArray(result) ? { items: result, next: null } : result
  const { seq, next } = body as Seen
  if (hasTag(route)) res.setHeader('etag', `"${seq}"`)
  if (next) res.setHeader('link', `<${url.pathname}?${nextQuery(url, next)}>; rel="next"`)
  if (route.at) {
    res.statusCode = 201
    const place = route.at.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String((body as never)[name])))
    res.setHeader('location', `${base}${place}`)
  }
  res.setHeader('content-type', 'application/json; charset=utf-8')
  res.end(JSON.stringify(body))
}

/** Whether its answer is one object, with the seq that a change may name. */
const hasTag = (route: Described): boolean => {
  const shape = (route.answer as { shape?: Record<string, unknown> } | undefined)?.shape
  // The seq of those is not of one object that could be changed.
  return shape !== undefined && 'seq' in shape && !/^(status|audit|device)/.test(route.command)
}

function nextQuery(url: URL, next: string): string {
  const query = new URLSearchParams(url.searchParams)
  query.set('after', next)
  return query.toString()
}

function writeTo(res: ServerResponse, type: string): Call['progress'] {
  return async ({ text }) => {
    if (!res.headersSent) res.setHeader('content-type', `${type}; charset=utf-8`)
    // Waits for a slow reader; one that goes away has nothing more to wait for.
    if (text !== undefined && !res.write(text) && !res.destroyed)
      await Promise.race([once(res, 'drain'), once(res, 'close')])
  }
}

async function sendText(route: Described, call: Call, args: object, res: ServerResponse): Promise<void> {
  await runCommand(route.command, call, args)
  res.end()
}

let document: string | undefined

function sendDocument(req: IncomingMessage, res: ServerResponse): void {
  if (req.method !== 'GET' && req.method !== 'HEAD')
    throw new RequestProblem(405, 'method', 'This address takes GET, HEAD.', { allow: 'GET, HEAD' })
  document ??= JSON.stringify(openApi())
  res.setHeader('content-type', 'application/json; charset=utf-8')
  res.end(document)
}

function sendProblem(log: Logger, req: IncomingMessage, res: ServerResponse, error: unknown): void {
  if (res.headersSent) return void res.destroy()
  const problem = problemOf(error)
  if (problem.status >= 500 && !(error instanceof Unavailable)) {
    const id = `e-${randomBytes(3).toString('hex')}`
    log.error({ err: error, id, method: req.method, path: req.url?.split('?')[0] }, 'the API could not answer')
    problem.detail = `It could not be done. The log of this node has the reason, under ${id}.`
  }
  if (problem.retryAfterSeconds !== undefined) res.setHeader('retry-after', String(problem.retryAfterSeconds))
  if (error instanceof RequestProblem)
    for (const [name, value] of Object.entries(error.headers)) res.setHeader(name, value)
  res.statusCode = problem.status
  res.setHeader('content-type', problemType)
  res.end(JSON.stringify(problem))
}
