import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { lookAtDirectory } from '../../server/accounts/directory-import.ts'
import { Invalid } from '../../server/errors.ts'

/** What something that is no directory says when it is asked to bind, and the sentence that comes of it. */
const answers: [string, Buffer | undefined, RegExp][] = [
  ['nothing, and leaves', undefined, /ended the connection\. Is it an LDAP server/],
  ['bytes without a meaning', Buffer.alloc(100, 0xff), /does not answer as an LDAP server does/],
  ['an empty message', Buffer.from([0x30, 0]), /does not answer as an LDAP server does/],
  ['a message that is cut off', Buffer.from([0x30, 5, 2, 1, 1, 0x61, 0x50]), /does not answer as an LDAP server does/],
  [
    'an operation that nobody knows',
    Buffer.from([0x30, 0x0c, 2, 1, 1, 0x7f, 7, 0x0a, 1, 0, 4, 0, 4, 0]),
    /does not answer as an LDAP server does/,
  ],
]

describe('what is no directory', { concurrency: false }, () => {
  for (const [what, bytes, sentence] of answers)
    test(`answers with ${what}: said in a sentence at its address`, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () => (bytes ? socket.write(bytes) : socket.destroy()))
      }).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const url = `127.0.0.1:${(server.address() as AddressInfo).port}`
      try {
        const error = await lookAtDirectory({ url, security: 'plain', bindDn: 'cn=x', password: 'y', base: '' }).catch(
          (error: unknown) => error,
        )
        assert.equal(error instanceof Invalid, true, String(error))
        assert.match((error as Invalid).problems.url ?? '', sentence)
        assert.match((error as Invalid).problems.url ?? '', /^127\.0\.0\.1, port \d+, /)
      } finally {
        server.close()
      }
    })
})
