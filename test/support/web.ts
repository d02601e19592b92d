import type { Express } from 'express'
import request from 'supertest'
import { readConfig } from '../../server/config.ts'
import type { Db } from '../../server/store/db.ts'
import { createWebApp } from '../../server/web/app.ts'
import { silent } from './node.ts'
import { password } from './people.ts'

/** The pages over a store, without a listener. */
export const aWebApp = (db: Db, secure = false): Promise<Express> =>
  createWebApp({ db, config: readConfig({ data: db.dir }, {}), log: silent, secure })

export type Fields = Record<string, string | readonly string[]>
export type Browser = ReturnType<typeof aBrowser>

/** Keeps cookies and sends forms as a browser does from a page of ours. `app` is the app or its address. */
export function aBrowser(app: Express | string) {
  const agent = request.agent(app)
  const encoded = (fields: Fields) =>
    new URLSearchParams(
      Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one])),
    ).toString()
  return {
    get: (path: string) => agent.get(path),
    /** As htmx asks for a part of a page. */
    part: (path: string) => agent.get(path).set({ 'HX-Request': 'true', 'HX-Request-Type': 'partial' }),
    post: (path: string, fields: Fields = {}) =>
      agent.post(path).set('Sec-Fetch-Site', 'same-origin').type('form').send(encoded(fields)),
    upload: (path: string, name: string, text: string) =>
      agent.post(path).set('Sec-Fetch-Site', 'same-origin').attach('file', Buffer.from(text), name),
    raw: agent,
  }
}

/** A browser in which somebody has signed in. */
export async function signedIn(app: Express | string, username = 'admin', typed = password): Promise<Browser> {
  const browser = aBrowser(app)
  const answer = await browser.post('/login', { username, password: typed })
  if (answer.status !== 303) throw new Error(`${username} could not sign in: ${answer.status}`)
  return browser
}

/** The text of a page as a person reads it. */
export const textOf = (html: string): string =>
  html
    .replace(/<svg.*?<\/svg>/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
