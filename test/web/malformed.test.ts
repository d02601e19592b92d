import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { addToken } from '../../server/accounts/tokens.ts'
import { startMaster, type TestNode } from '../support/node.ts'
import { me } from '../support/people.ts'

// What a whole node says to requests that are none, or two: each time a sentence, and the next one is served.

let node: TestNode
let token: string

before(async () => {
  node = await startMaster()
  token = (await addToken(node.db, me, { name: 'raw', role: 'administrator', days: 1 })).token
})
after(() => node.close())

/** Raw bytes, and all that comes back. */
async function sent(bytes: string): Promise<string> {
  const socket = connect(node.ports().web as number, '127.0.0.1')
  let text = ''
  socket.on('data', (part) => {
    text += part.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return text
}

const end = 'Connection: close\r\n\r\n'
const wrong: [string, string, number][] = [
  ['two hosts', `GET /login HTTP/1.1\r\nHost: a\r\nHost: b\r\n${end}`, 400],
  ['two hosts to the API', `GET /api/v1/status HTTP/1.1\r\nHost: a\r\nhost: b\r\n${end}`, 400],
  [
    'two tokens',
    `GET /api/v1/status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: b\r\n${end}`,
    400,
  ],
  ['no host', `GET /login HTTP/1.1\r\n${end}`, 400],
  ['no address', `OPTIONS * HTTP/1.1\r\nHost: a\r\n${end}`, 400],
  ['a proxy’s method', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\n${end}`, 405],
  ['a method that nobody knows', `FOO /login HTTP/1.1\r\nHost: a\r\n${end}`, 400],
  ['a handshake of TLS', '\x16\x03\x01\x02\x00\x01\r\n\r\n', 400],
  ['a head of 20 kB', `GET /login HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n${end}`, 431],
  [
    'a length and chunks',
    `POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${end}`,
    400,
  ],
  ['chunks of another kind', `POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n${end}`, 400],
  ['a chunk without a length', `POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${end}ZZ\r\n`, 400],
  ['two lengths', `POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n${end}`, 400],
  ['a length below nothing', `POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n${end}`, 400],
  ['a header that is folded', `GET /login HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n${end}`, 400],
  ['a name of a header with a space', `GET /login HTTP/1.1\r\nHost: a\r\nX : a\r\n${end}`, 400],
  ['bytes that are no ASCII in a name', `GET /login HTTP/1.1\r\nHost: a\r\n\xff: a\r\n${end}`, 400],
  ['raw bytes in an address', `GET /users/\xff\x80 HTTP/1.1\r\nHost: a\r\n${end}`, 400],
  ['NUL in a header', `GET /login HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n${end}`, 400],
]
for (const [what, bytes, status] of wrong)
  test(`${what}: ${status}, and why`, async () => {
    const answer = await sent(bytes)
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    // node itself answers a request without a host.
    if (what !== 'no host') assert.match(answer, /\r\n\r\n.*\b[A-Z][^\n]+\.\n/s)
    assert.match(await sent(`GET /health HTTP/1.1\r\nHost: a\r\n${end}`), /^HTTP\/1\.1 200/)
  })

test('every byte may stand in the value of a header, and opens nothing', async () => {
  const bytes = String.fromCharCode(...Array.from({ length: 128 }, (_, at) => 128 + at))
  const api = (more: string, method = 'GET') =>
    sent(`${method} /api/v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n${more}\r\n${end}`)
  const right = `Authorization: Bearer ${token}\r\n`
  assert.match(await api(`Authorization: Bearer ${bytes}`), /^HTTP\/1\.1 401/)
  assert.match(await api(`${right}Accept: ${bytes}`), /^HTTP\/1\.1 406/)
  assert.match(await api(`${right}Content-Type: ${bytes}`, 'POST'), /^HTTP\/1\.1 415/)
  assert.match(await sent(`GET /users HTTP/1.1\r\nHost: a\r\nCookie: session-x=${bytes}\r\n${end}`), /^HTTP\/1\.1 303/)
})

test('a body that is too large is refused with its reason, whether or not its length was told', async () => {
  const ask = (body: Uint8Array<ArrayBuffer> | ReadableStream) =>
    fetch(`http://127.0.0.1:${node.ports().web}/api/v1/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv' },
      body,
      duplex: 'half',
    } as RequestInit)
  const told = new Uint8Array(50 * 1024 * 1024)
  const chunks = () => {
    let left = 50
    return new ReadableStream({
      pull: (out) => (left-- > 0 ? out.enqueue(new Uint8Array(1024 * 1024)) : out.close()),
    })
  }
  for (const body of [told, chunks()]) {
    const answer = await ask(body)
    assert.equal(answer.status, 413)
    assert.match(((await answer.json()) as { detail: string }).detail, /larger than the 20 MB/)
  }
})
