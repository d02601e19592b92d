import { z } from 'zod'

/** What commands take and answer, in the words that several of them share. */
export const text = z.string().max(4096)
export const texts = z.array(text).max(10_000)
export const none = z.strictObject({})
export const named = z.strictObject({ name: text })
export const nothing = z.void()
export const moment = z.string().meta({ format: 'date-time' })

export const count = z.int().positive().max(1000)
export const pageNumber = z.int().positive()

/** The object is changed only while it is the one that the caller saw: its `seq`, told as ETag. */
export const expected = { expectedSeq: z.int().nonnegative().optional() }

/** One page of a long list; `next` goes into `after` for the page behind it. */
export const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() })
export const inPages = { after: z.string().max(1024).optional(), limit: count.optional() }
export const firstLimit = 100

type Mark = readonly [string | number, string]

/** Where a page ended, as a word without meaning for who reads it. */
export const cursorOf = (mark: Mark | undefined): string | null =>
  mark ? Buffer.from(JSON.stringify(mark)).toString('base64url') : null

const aMark = z.tuple([z.union([z.string(), z.number()]), z.string()])

export function markOf(cursor: string | undefined): Mark | undefined {
  if (cursor === undefined) return undefined
  try {
    return aMark.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch {
    throw Object.assign(new Error('“after” is not what a list gave as “next”.'), { status: 400 })
  }
}

/** Values of extensions as a caller writes them: as typed, or as they were answered. */
const value = z.union([
  z.string().max(65_536),
  z.number(),
  z.boolean(),
  z.array(z.string().max(16_384)).max(1000),
  z.null(),
])

/** extension -> field -> typed text; null and an empty text clear a field. */
export const typedValues = z
  .record(text, z.record(text, value))
  .transform((extensions) =>
    Object.fromEntries(
      Object.entries(extensions).map(([name, fields]) => [
        name,
        Object.fromEntries(Object.entries(fields).map(([field, one]) => [field, typedText(one)])),
      ]),
    ),
  )

function typedText(one: z.output<typeof value>): string {
  if (one === null) return ''
  if (Array.isArray(one)) return one.join('\n')
  return typeof one === 'boolean' ? (one ? 'yes' : 'no') : String(one)
}

/** extension -> field -> value, as kept. */
export const keptValues = z.record(z.string(), z.record(z.string(), z.unknown()))
