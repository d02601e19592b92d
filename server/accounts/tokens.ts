import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import { Invalid, NotFound, type Problems } from '../errors.ts'
import type { TokenBody } from '../store/bodies.ts'
import { type Db, onChanges } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'
import { write } from '../store/write.ts'
import { needRight } from './roles.ts'

export type TokenRole = TokenBody['role']

/** What a token may be made for. */
export const tokenRoles: readonly { role: TokenRole; may: string }[] = [
  { role: 'administrator', may: 'reads and changes everything' },
  { role: 'helpdesk', may: 'reads accounts; sets passwords, locks and unlocks people who are no administrators' },
  { role: 'auditor', may: 'reads everything, changes nothing' },
]

/** A bearer token of the API, without its secret. */
export type Token = {
  id: string
  name: string
  role: TokenRole
  added: string
  by: string
  /** ISO 8601. */
  until: string
  isOver: boolean
  /** Last seen by this node since it started, ISO 8601. */
  lastUsed?: string
}

export const firstDays = 90
export const mostDays = 3650

export async function tokenList(db: Db): Promise<Token[]> {
  const now = new Date().toISOString()
  return (await objectsOf(db.reader, 'token'))
    .map(({ id, body: { tokenHash, ...body } }) => ({
      id,
      ...body,
      isOver: body.until <= now,
      lastUsed: lastUses(db).get(id),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** By its name or id. */
export async function tokenByName(db: Db, nameOrId: string): Promise<Token> {
  const token = (await tokenList(db)).find(isCalled(nameOrId))
  if (!token) throw noToken(nameOrId)
  return token
}

function isCalled(nameOrId: string): (token: { id: string; name: string }) => boolean {
  const wanted = nameOrId.normalize('NFC').trim().toLowerCase()
  return ({ id, name }) => id === wanted || name.toLowerCase() === wanted
}

const noToken = (nameOrId: string): NotFound => new NotFound(`There is no API token “${nameOrId}”.`)

/** Makes a token, which is told this once. */
export async function addToken(
  db: Db,
  actor: Actor,
  input: { name: string; role: TokenRole; days?: number },
): Promise<{ id: string; name: string; role: TokenRole; token: string; until: string }> {
  needRight(actor, 'change')
  const name = input.name.normalize('NFC').trim().replace(/\s+/g, ' ')
  const days = input.days ?? firstDays
  const problems = problemsIn(name, input.role, days)
  if (Object.keys(problems).length > 0) throw new Invalid(problems)
  const token = `ast_${randomBytes(32).toString('base64url')}`
  const now = new Date()
  const until = new Date(now.getTime() + days * 86_400_000).toISOString()
  const id = randomUUID()
  await write(db, actor, async (change) => {
    const tokens = await objectsOf(change.trx, 'token')
    if (tokens.some(({ body }) => body.name.toLowerCase() === name.toLowerCase()))
      throw new Invalid({ name: `A token named “${name}” already exists. Remove it first, or choose another name.` })
    const { role } = input
    const body = { name, role, tokenHash: hashOf(token), until, added: now.toISOString(), by: actor.name }
    await change.put('token', id, body)
    change.note({
      sentence: `Added API token ${name}`,
      object: { kind: 'token', id, name },
      changes: [
        { field: 'role', after: role },
        { field: 'until', after: until },
      ],
      undo: [{ kind: 'token', id, added: true }],
    })
  })
  return { id, name, role: input.role, token, until }
}

function problemsIn(name: string, role: string, days: number): Problems {
  const problems: Problems = {}
  if (name === '') problems.name = 'Name is needed: what the token is for, as in hr-import.'
  else if (name.length > 64) problems.name = 'Name must not be longer than 64 characters.'
  else if (/[\p{Cc}\p{Cf}]/u.test(name)) problems.name = 'Name must not contain control characters.'
  if (!tokenRoles.some((one) => one.role === role))
    problems.role = `Role must be one of: ${tokenRoles.map((one) => one.role).join(', ')}.`
  if (!Number.isSafeInteger(days) || days < 1 || days > mostDays)
    problems.days = `Days must be a whole number from 1 to ${mostDays}.`
  return problems
}

/** Removes a token by its name or id: whoever has it is refused from then on, on every node. */
export async function removeToken(db: Db, actor: Actor, nameOrId: string): Promise<void> {
  needRight(actor, 'change')
  const isMeant = isCalled(nameOrId)
  await write(db, actor, async (change) => {
    const tokens = await objectsOf(change.trx, 'token')
    const token = tokens.find(({ id, body }) => isMeant({ id, name: body.name }))
    if (!token) throw noToken(nameOrId)
    await change.remove('token', token.id)
    change.note({
      sentence: `Removed API token ${token.body.name}`,
      object: { kind: 'token', id: token.id, name: token.body.name },
    })
  })
}

type Known = { id: string; body: TokenBody }

const known = new WeakMap<Db, { tokens: Promise<Map<string, Known>> | undefined }>()
const uses = new WeakMap<Db, Map<string, string>>()

/**
 * Who a bearer is; undefined when the token is unknown or over. It is looked up by its SHA-256: how long that takes says
 * nothing about the token itself.
 */
export async function tokenActor(db: Db, bearer: string): Promise<Actor | undefined> {
  if (!/^ast_[\w-]{43}$/.test(bearer)) return undefined
  const token = (await tokensOf(db)).get(hashOf(bearer))
  const now = new Date().toISOString()
  if (!token || token.body.until <= now) return undefined
  lastUses(db).set(token.id, now)
  return { name: token.body.name, via: 'api', role: token.body.role }
}

/** By hash; read once and kept until a token changes. */
function tokensOf(db: Db): Promise<Map<string, Known>> {
  let kept = known.get(db)
  if (!kept) {
    const mine: { tokens: Promise<Map<string, Known>> | undefined } = { tokens: undefined }
    kept = mine
    known.set(db, mine)
    onChanges(db, (changes) => {
      if (changes === 'all' || changes.some(({ kind }) => kind === 'token')) mine.tokens = undefined
    })
  }
  const mine = kept
  const reading =
    mine.tokens ??
    objectsOf(db.reader, 'token').then((tokens) => new Map(tokens.map((token) => [token.body.tokenHash, token])))
  mine.tokens = reading
  reading.catch(() => {
    if (mine.tokens === reading) mine.tokens = undefined
  })
  return reading
}

function lastUses(db: Db): Map<string, string> {
  const kept = uses.get(db) ?? new Map<string, string>()
  uses.set(db, kept)
  return kept
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
