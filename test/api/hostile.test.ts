import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import pino from 'pino'
import { addToken } from '../../server/accounts/tokens.ts'
import { createRestApi } from '../../server/api/rest.ts'
import { anApi } from '../support/api.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let api: Awaited<ReturnType<typeof anApi>>
let token: string

before(async () => {
  store = await aMasterStore()
  api = await anApi(store.db)
  token = (await addToken(store.db, me, { name: 'the test', role: 'administrator' })).token
  await aUser(store.db, { username: 'gek', first: 'Gösta', last: 'Ek' })
})
after(async () => {
  await api.close()
  await store.close()
})

const json = { 'content-type': 'application/json' }
const person = (more: string): string => `{"username":"evil","first":"E","last":"Vil"${more}}`

/** What is sent, and the answer that it gets: always 4xx, as problem+json, in less than two seconds, with nothing done. */
const wrong: [string, string, string, string | Buffer | undefined, Record<string, string>, number][] = [
  ['a body that is no JSON', 'POST', '/users', '{', json, 400],
  ['an empty body', 'POST', '/users', '', json, 400],
  ['a list where an object is expected', 'POST', '/users', '[]', json, 400],
  ['null where an object is expected', 'POST', '/users', 'null', json, 400],
  ['a list where a text is expected', 'POST', '/users', '{"username":["evil"],"first":"E","last":"Vil"}', json, 400],
  ['an object where a text is expected', 'POST', '/users', '{"username":{"a":1},"first":"E","last":"Vil"}', json, 400],
  ['a member that nobody knows', 'POST', '/users', person(',"uidNumber":0'), json, 400],
  ['a hash that would be kept as it is', 'POST', '/users', person(',"passwordHash":"$argon2id$x"'), json, 400],
  ['an id of the caller’s choice', 'POST', '/users', person(',"id":"0"'), json, 400],
  ['a member that is named twice', 'POST', '/users', person(',"first":"F"'), json, 400],
  ['one that is named twice in other letters', 'POST', '/users', person(',"\\u0066irst":"F"'), json, 400],
  ['__proto__', 'POST', '/users', person(',"__proto__":{"role":"administrator"}'), json, 400],
  ['__proto__ inside', 'POST', '/users', person(',"extensions":{"__proto__":{"a":"b"}}'), json, 400],
  ['constructor as an extension', 'POST', '/users', person(',"extensions":{"constructor":{"name":"b"}}'), json, 422],
  ['a field that every object has', 'POST', '/users', person(',"extensions":{"contact":{"toString":"b"}}'), json, 422],
  ['bytes that are no UTF-8', 'POST', '/users', Buffer.from([0x7b, 0xff, 0x7d]), json, 400],
  ['a hundred thousand brackets', 'POST', '/users', '['.repeat(100_000) + ']'.repeat(100_000), json, 400],
  ['3 MB of JSON', 'POST', '/users', person(`,"status":"${'a'.repeat(3_000_000)}"`), json, 413],
  ['a name of 50 kB', 'POST', '/users', `{"username":"${'a'.repeat(50_000)}","first":"E","last":"V"}`, json, 400],
  ['a list of 20,000', 'POST', '/users', person(`,"groups":${JSON.stringify(Array(20_000).fill('a'))}`), json, 400],
  ['a username with a line break', 'POST', '/users', '{"username":"e\\r\\nvil","first":"E","last":"V"}', json, 422],
  ['a name with control characters', 'POST', '/users', '{"username":"evil","first":"E\\u0000","last":"V"}', json, 422],
  ['half a character', 'POST', '/users', '{"username":"evil\\ud800","first":"E","last":"V"}', json, 422],
  ['a form', 'POST', '/users', 'username=evil', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['JSON said to be text', 'POST', '/users', person(''), { 'content-type': 'text/plain' }, 415],
  ['a body of no type', 'POST', '/users', person(''), {}, 415],
  ['a body that is compressed', 'POST', '/users', 'x', { ...json, 'content-encoding': 'gzip' }, 415],
  ['an answer as XML', 'GET', '/users', undefined, { accept: 'application/xml' }, 406],
  ['JSON refused by q=0', 'GET', '/users', undefined, { accept: 'application/json;q=0' }, 406],
  ['a parameter that nobody knows', 'GET', '/users?foo=1', undefined, {}, 400],
  ['a parameter twice', 'GET', '/users?search=a&search=b', undefined, {}, 400],
  ['a parameter as a list', 'GET', '/users?search[]=a', undefined, {}, 400],
  ['a sort by what is secret', 'GET', '/users?sort=password', undefined, {}, 400],
  ['a sort with SQL', 'GET', '/users?sort=name;drop', undefined, {}, 400],
  ['a limit of nothing', 'GET', '/users?limit=0', undefined, {}, 400],
  ['a limit of a million', 'GET', '/users?limit=1000000', undefined, {}, 400],
  ['a limit in words', 'GET', '/users?limit=many', undefined, {}, 400],
  ['a mark that is no mark', 'GET', '/users?after=%00', undefined, {}, 400],
  [
    'a mark of the wrong kind',
    'GET',
    `/users?after=${Buffer.from('{"a":1}').toString('base64url')}`,
    undefined,
    {},
    400,
  ],
  ['a method of another kind', 'PROPFIND', '/users', undefined, {}, 405],
  ['PUT where it is not taken', 'PUT', '/users', '{}', json, 405],
  ['TRACE', 'TRACE', '/users', undefined, {}, 405],
  [
    'If-Match where it would not be looked at',
    'PUT',
    '/users/gek/status',
    '{"status":"locked"}',
    { ...json, 'if-match': '"1"' },
    400,
  ],
  ['an address of nothing', 'GET', '/nothing', undefined, {}, 404],
  ['an address of another version', 'GET', '/../v2/users', undefined, {}, 404],
  ['a path that climbs', 'GET', '/users/%2e%2e%2f%2e%2e%2fetc%2fpasswd', undefined, {}, 404],
  ['a path that is no UTF-8', 'GET', '/users/%ff', undefined, {}, 400],
  ['a name that every object has', 'GET', '/users/constructor', undefined, {}, 404],
  ['SQL as a name', 'GET', "/users/'%20or%201=1--", undefined, {}, 404],
  ['a file that is no table', 'POST', '/imports', '"never closed', { 'content-type': 'text/csv' }, 422],
  ['a file of 25 MB', 'POST', '/imports', Buffer.alloc(25_000_000, 'a'), { 'content-type': 'text/csv' }, 413],
  ['an import as JSON', 'POST', '/imports', '{}', json, 415],
  ['an import with a mode of its own', 'POST', '/imports?mode=all', 'a,b', { 'content-type': 'text/csv' }, 400],
]

describe('bad input', { concurrency: false }, () => {
  for (const [what, method, path, raw, headers, status] of wrong)
    test(`${what}: ${status}`, async () => {
      const before = store.db.position.seq
      const answer = await api
        .ask(method, `/api/v1${path}`, { token, headers, ...(raw !== undefined && { raw }) })
        .catch((error) => {
          // A client that is still sending may find the door closed before it reads why.
          if (status === 413 && ['EPIPE', 'ECONNRESET'].includes(error.code)) return undefined
          throw error
        })
      assert.equal(store.db.position.seq, before)
      if (!answer) return
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
      assert.match(answer.body.detail, /^[^\n]{5,}$/)
      assert.doesNotMatch(answer.text, /node_modules|server\/|SQLITE|select | {4}at /)
    })

  const searches = ["' OR 1=1--", '%', '_', '\\', '\0', 'a'.repeat(4000), '<script>', '‮gpj']
  for (const search of searches)
    test(`a search for ${JSON.stringify(search.slice(0, 12))} finds nobody it should not`, async () => {
      const answer = await api.ask('GET', `/api/v1/users?search=${encodeURIComponent(search)}`, { token })
      assert.equal(answer.status, 200, answer.text)
      const found = answer.body.items.map((user: { username: string }) => user.username)
      // A NUL is no word, so it narrows nothing.
      assert.deepEqual(found, search === '\0' ? ['admin', 'gek'] : [])
    })

  test('the methods that an address takes are said', async () => {
    const { headers } = await api.ask('PUT', '/api/v1/users/gek', { token, raw: '{}' })
    assert.deepEqual(headers.allow?.split(', ').sort(), ['DELETE', 'GET', 'HEAD', 'PATCH'])
  })

  test('HEAD is GET without its body', async () => {
    const answer = await api.ask('HEAD', '/api/v1/users/gek', { token })
    assert.deepEqual([answer.status, answer.text], [200, ''])
    assert.match(answer.headers.etag ?? '', /^"\d+"$/)
  })

  test('answers are kept by nobody, and nothing of them runs anywhere', async () => {
    const { headers } = await api.ask('GET', '/api/v1/users', { token })
    assert.deepEqual(
      [headers['cache-control'], headers['x-content-type-options'], headers['content-security-policy']],
      ['no-store', 'nosniff', "default-src 'none'; frame-ancestors 'none'"],
    )
    assert.equal(headers['access-control-allow-origin'], undefined)
    assert.equal(headers['set-cookie'], undefined)
  })

  test('a caller that goes away in the middle of its body harms nobody, and is no fault of the node', async () => {
    const lines: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
    const server = createServer(createRestApi({ db: store.db, log, secure: false })).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const ended = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)))
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          `POST /api/v1/users HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"user`,
        )
        setTimeout(() => socket.destroy(), 50)
      })
      socket.once('close', () => resolve())
    })
    await ended
    server.close()
    assert.deepEqual(lines, [])
    assert.equal((await api.ask('GET', '/api/v1/status', { token })).status, 200)
  })
})
