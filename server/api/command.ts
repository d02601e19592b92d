import type { z } from 'zod'
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
export type Call = { db: Db; actor: Actor; progress: (progress: Progress) => void; signal: AbortSignal }

export type Command<A extends z.ZodType = z.ZodType, R = unknown> = {
  args: A
  run: (call: Call, args: z.output<A>) => Promise<R>
}

export const command = <A extends z.ZodType, R>(args: A, run: Command<A, R>['run']): Command<A, R> => ({ args, run })
