import type { z } from 'zod'
import type { Right } from '../accounts/roles.ts'
import type { Actor } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'

/** What a long command tells on its way: a step and its state, how far it is, or a part of a text too long for one answer. */
export type Progress = {
  step?: string
  state?: 'waiting' | 'running' | 'done' | 'failed'
  text?: string
  done?: number
  total?: number
}

/** Who calls, on which node, and how to reach the caller meanwhile. */
export type Call = {
  db: Db
  actor: Actor
  progress: (progress: Progress) => void | Promise<void>
  signal: AbortSignal
}

/** What a command needs, takes and answers. The same schemas check, and describe the API in its OpenAPI document. */
export type Command<A extends z.ZodObject = z.ZodObject, R extends z.ZodType = z.ZodType> = {
  right: Right
  args: A
  result: R
  run: (call: Call, args: z.output<A>) => Promise<z.input<R>>
}

export const command = <A extends z.ZodObject, R extends z.ZodType>(
  right: Right,
  args: A,
  result: R,
  run: Command<A, R>['run'],
): Command<A, R> => ({ right, args, result, run })
