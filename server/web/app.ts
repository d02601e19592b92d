import compression from 'compression'
import express, { type Express } from 'express'
import { endAfterNewPassword, passportFor } from '../auth/passport.ts'
import { rateLimits } from '../auth/rate-limits.ts'
import { sameOrigin } from '../auth/same-origin.ts'
import { endOldSessions, sessions } from '../auth/session.ts'
import { loadAssets } from './assets.ts'
import { answerError, answerNotFound } from './errors.ts'
import { formsOnly } from './form.ts'
import { pageHeaders, securityHeaders } from './headers.ts'
import { showHealth } from './health.ts'
import { showMetrics } from './metrics.ts'
import type { WebNode, WebState } from './node.ts'
import { routes } from './routes.ts'
import { rememberRecord } from './toast.ts'

export type { WebNode } from './node.ts'

/** The pages of one node. Nothing of it is shared between nodes in one process. */
export async function createWebApp(node: WebNode): Promise<Express> {
  const signIn = passportFor(node.db)
  const state: WebState = { ...node, signIn, limits: rateLimits(), assets: await loadAssets() }
  const app = express()
  app.locals.node = state
  app.disable('x-powered-by')
  app.set('query parser', 'simple')
  app.set('etag', false)

  app.use(securityHeaders(node.secure))
  app.get('/health', showHealth)
  app.get('/metrics', showMetrics)
  app.get(['/assets/{*name}', '/favicon.ico'], state.assets.serve)
  app.use(compression())
  app.use(pageHeaders)
  app.use(sameOrigin)
  app.use(sessions(node.db, node.secure))
  app.use(endOldSessions)
  app.use(signIn.initialize())
  app.use(signIn.session())
  app.use(endAfterNewPassword)
  app.use(formsOnly)
  app.use(express.urlencoded({ extended: false, limit: '256kb', parameterLimit: 5000 }))
  app.use(rememberRecord)
  app.use(routes())
  app.use(answerNotFound)
  app.use(answerError)
  return app
}
