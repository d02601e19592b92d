import { Agent, type IncomingMessage, request } from 'node:http'

/** Pages of a node, asked for as a browser does: one connection that stays open, compressed answers, cookies. */
export type Browser = {
  /** Milliseconds until the answer was there; throws when it is not what a page must be. */
  get: (path: string) => Promise<number>
  /** As htmx asks for a part of a page. */
  part: (path: string) => Promise<number>
  post: (path: string, fields: Fields) => Promise<number>
  /** Sends a file and answers with where the node leads then. */
  upload: (path: string, name: string, text: string) => Promise<string>
  close: () => void
}

type Fields = Record<string, string | readonly string[]>

export async function signedInBrowser(port: number, username: string, password: string): Promise<Browser> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let cookie = ''

  function ask(method: string, path: string, headers: Record<string, string>, body = '') {
    return new Promise<{ answer: IncomingMessage; ms: number }>((resolve, reject) => {
      const began = performance.now()
      const all = { 'accept-encoding': 'gzip', cookie, ...headers }
      const sent = request({ agent, host: '127.0.0.1', port, method, path, headers: all }, async (answer) => {
        for await (const _ of answer);
        cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie
        resolve({ answer, ms: performance.now() - began })
      })
      sent.once('error', reject)
      sent.end(body)
    })
  }

  async function timed(expected: number, method: string, path: string, headers = {}, body = ''): Promise<number> {
    const { answer, ms } = await ask(method, path, headers, body)
    if (answer.statusCode !== expected)
      throw new Error(`${method} ${path}: ${answer.statusCode} instead of ${expected}`)
    return ms
  }

  const form = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
  const browser: Browser = {
    get: (path) => timed(200, 'GET', path),
    part: (path) => timed(200, 'GET', path, { 'hx-request': 'true', 'hx-request-type': 'partial' }),
    post: (path, fields) => timed(303, 'POST', path, form, encoded(fields)),
    upload: async (path, name, text) => {
      const boundary = 'bench-boundary'
      const head = `Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/csv`
      const body = `--${boundary}\r\n${head}\r\n\r\n${text}\r\n--${boundary}--\r\n`
      const headers = { 'sec-fetch-site': 'same-origin', 'content-type': `multipart/form-data; boundary=${boundary}` }
      const { answer } = await ask('POST', path, headers, body)
      const to = answer.headers.location
      if (answer.statusCode !== 303 || !to) throw new Error(`POST ${path}: ${answer.statusCode} instead of 303`)
      return to
    },
    close: () => agent.destroy(),
  }
  await browser.get('/login')
  await browser.post('/login', { username, password })
  return browser
}

const encoded = (fields: Fields): string =>
  new URLSearchParams(
    Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one])),
  ).toString()
