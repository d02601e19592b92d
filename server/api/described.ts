import { z } from 'zod'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { partsOf, type Route } from './routes.ts'

/** A route with the schemas that follow from its command: they check, and the OpenAPI document shows them. */
export type Described = Route & {
  args: z.ZodObject
  query: readonly string[]
  /** Members of the body; undefined when there is none. */
  body: z.ZodObject | undefined
  /** undefined: an answer without content, or of another kind than JSON. */
  answer: z.ZodType | undefined
  /** Honours If-Match. */
  isGuarded: boolean
}

export function describe(route: Route): Described {
  const { args, result } = commands[route.command] as unknown as Command
  const taken = new Set([...partsOf(route.path), ...Object.keys(route.fixed ?? {}), 'expectedSeq'])
  const open = Object.keys(args.shape).filter((name) => !taken.has(name))
  const query = route.method === 'GET' ? open : (route.query ?? [])
  const inBody = open.filter((name) => !query.includes(name))
  const picked = Object.fromEntries(inBody.map((name) => [name, args.shape[name] as z.ZodType]))
  const hasBody = route.method !== 'GET' && route.method !== 'DELETE' && !route.takesFile && inBody.length > 0
  return {
    ...route,
    args,
    query,
    body: hasBody ? z.strictObject(picked) : undefined,
    answer: route.gives ? undefined : answerOf(result),
    isGuarded: 'expectedSeq' in args.shape,
  }
}

/** A list of few comes whole, in the form of the long ones. */
function answerOf(result: z.ZodType): z.ZodType | undefined {
  if (result instanceof z.ZodVoid) return undefined
  return result instanceof z.ZodArray ? z.object({ items: result, next: z.null() }) : result
}

type Kind = 'number' | 'boolean' | 'text'

/** What a word of an address stands for. */
export function kindOf(schema: z.ZodType | undefined): Kind {
  const inner = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? schema.unwrap() : schema
  if (inner instanceof z.ZodNumber) return 'number'
  return inner instanceof z.ZodBoolean ? 'boolean' : 'text'
}
