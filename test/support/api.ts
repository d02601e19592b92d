import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { addToken, type TokenRole } from '../../server/accounts/tokens.ts'
import { createRestApi } from '../../server/api/rest.ts'
import type { Db } from '../../server/store/db.ts'
import { silent } from './node.ts'
import { me } from './people.ts'

export type Answer = {
  status: number
  headers: Record<string, string>
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the test says
  body: any
  text: string
}

export type Asked = {
  token?: string | undefined
  headers?: Record<string, string>
  body?: unknown
  raw?: string | Buffer
}

/** The API of a store on a port of its own. Every JSON answer is held against the OpenAPI document that it gives itself. */
export async function anApi(db: Db) {
  const server = createServer(createRestApi({ db, log: silent, secure: false }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = (method: string, path: string, asked: Asked = {}): Promise<Answer> => send(port, method, path, asked)
  const document = (await ask('GET', '/api/v1/openapi.json')).body
  const check = checker(document)
  return {
    document,
    port,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    /** A token's way to the API; paths stand without /api/v1. */
    as: async (role: TokenRole = 'administrator') => {
      const { token } = await addToken(db, me, { name: `${role} ${Math.random()}`, role, days: 1 })
      return async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
        const raw = typeof body === 'string' ? { raw: body } : { body }
        const answer = await ask(method, `/api/v1${path}`, { token, ...raw, ...(headers && { headers }) })
        check(method, path, answer)
        return answer
      }
    },
    ask,
  }
}

function send(port: number, method: string, path: string, { token, headers = {}, body, raw }: Asked): Promise<Answer> {
  const bytes = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: false,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    })
    sent.once('error', reject)
    sent.once('response', async (response) => {
      let text = ''
      for await (const part of response.setEncoding('utf8')) text += part
      const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== ''
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers as Record<string, string>,
        text,
        body: isJson ? JSON.parse(text) : undefined,
      })
    })
    sent.end(bytes)
  })
}

// biome-ignore lint/suspicious/noExplicitAny: a document of the outside
function checker(document: any): (method: string, path: string, answer: Answer) => void {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>()
  const patterns = Object.keys(document.paths)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`) }))
    .sort((a, b) => a.path.split('{').length - b.path.split('{').length)
  return (method, path, answer) => {
    const fits = patterns.filter(({ pattern }) => pattern.test(path.split('?')[0] ?? ''))
    const found = fits.find((one) => document.paths[one.path][method.toLowerCase()])
    const operation = found && document.paths[found.path][method.toLowerCase()]
    if (!operation) return
    const status = operation.responses[answer.status] ? String(answer.status) : 'default'
    if (status === 'default')
      assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/, answer.text)
    const content = operation.responses[status].content
    if (!content) return assert.equal(answer.text, '')
    const type = Object.keys(content)[0] as string
    if (!type.includes('json')) return
    const place = `${method} ${found.path} ${status}`
    // References lead to the components, which therefore come along.
    const validate = compiled.get(place) ?? ajv.compile({ ...content[type].schema, components: document.components })
    compiled.set(place, validate)
    validate(answer.body)
    assert.deepEqual(validate.errors ?? [], [], `${method} ${path} ${answer.status}: ${answer.text.slice(0, 400)}`)
  }
}
