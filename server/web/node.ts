import type { Request } from 'express'
import type { Logger } from 'pino'
import type { Actor } from '../audit/actor.ts'
import type { SignIn } from '../auth/passport.ts'
import type { Limits } from '../auth/rate-limits.ts'
import type { Config } from '../config.ts'
import type { Forwarder } from '../replication/forward.ts'
import type { Db } from '../store/db.ts'
import type { Local } from '../store/local.ts'
import type { Assets } from './assets.ts'

/** What the pages stand on. */
export type WebNode = {
  db: Db
  config: Config
  log: Logger
  /** Served over HTTPS. */
  secure: boolean
  /** On a slave: has the master do something in a person's name. */
  forward?: Forwarder['send']
}

/** The node with what the web face made for itself at its start. */
export type WebState = WebNode & { assets: Assets; limits: Limits; signIn: SignIn }

export const nodeOf = (req: Request): WebState => req.app.locals.node
export const dbOf = (req: Request): Db => nodeOf(req).db

/** Who changes something through a page. */
export const actorOf = (req: Request): Actor => ({
  name: req.user?.username ?? 'first visit',
  via: 'web',
  ...(req.ip ? { address: req.ip } : {}),
  ...(req.user ? { id: req.user.id, role: req.user.role } : {}),
})

/** The master as a person would say it. */
export const masterName = (local: Local): string => local.masterName ?? masterHost(local) ?? 'the master'

export const masterHost = (local: Local): string | undefined => local.masterUrl && new URL(local.masterUrl).host
