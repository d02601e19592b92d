import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Express } from 'express'
import { declared } from '../../server/accounts/declarations.ts'
import { addOwnExtension } from '../../server/accounts/own-extensions.ts'
import { countUsers, userByUsername } from '../../server/accounts/users.ts'
import { anOrganisation, type Organisation } from '../support/organisation.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser
let made: Organisation

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  made = await anOrganisation(store.db)
  admin = await signedIn(app)
})
after(() => store.close())

/** Answers are text, and nothing of what was sent runs in them. */
async function judged(what: string, ask: () => ReturnType<Browser['post']>) {
  const answer = await ask()
  assert.equal(answer.status < 500, true, `${what} gave ${answer.status}`)
  assert.doesNotMatch(answer.text ?? '', /<img src=x|<b hx-get|49\{\{/, what)
  return answer
}

const hostile: [string, string | string[]][] = [
  ['markup and htmx', '<img src=x onerror=alert(1)>"><b hx-get="/logout" hx-trigger="load">'],
  ['a template', '<%= 7*7 %>{{7*7}}'],
  ['a formula', "=cmd|'/c calc'!A1"],
  ['control characters', 'a\u0000b\u001b[2J'],
  ['text that runs backwards', 'a\u202egnp.exe'],
  ['a line break for a header', 'a\r\nSet-Cookie: x=1'],
  ['a name that every object has', '__proto__'],
  ['another one', 'constructor'],
  ['SQL', "' OR 1=1--"],
  ['a path', '../../etc/passwd'],
  ['50 kB', 'a'.repeat(50_000)],
  ['a very large number', '9'.repeat(400)],
  ['a moment that never was', '2026-99-99'],
  ['a field that comes twice', ['a', 'b']],
]

/** Pages with the forms of part 2; each form of them is sent with hostile values in every field. */
const pages = () => [
  '/users/new',
  '/users/onguyen',
  '/groups/new',
  `/groups/${made.group}?add=f`,
  '/profiles/new',
  `/profiles/${made.profile}`,
  `/bin/${made.removed}/restore`,
  '/extensions/new',
  `/extensions/${made.extension}/edit`,
  '/plugins/new',
  `/plugins/${made.plugin}`,
  '/password-policy/groups/managers',
  '/import',
  '/import/directory',
  '/clients',
  '/clients/squid-malmo',
  '/tokens',
  '/settings',
]

const namesIn = (html: string): string[] => [
  ...new Set([...html.matchAll(/<(?:input|select|textarea|button)[^>]* name="([^"]+)"/g)].map(([, name = '']) => name)),
]
const actionsIn = (html: string): string[] =>
  [...html.matchAll(/<form[^>]* method="post"[^>]* action="([^"]+)"|<form[^>]* action="([^"]+)"[^>]* method="post"/g)]
    .map(([, one, two]) => one ?? two ?? '')
    .filter((action) => !/logout|theme/.test(action))

describe('forms', { concurrency: false }, () => {
  for (const [what, value] of hostile)
    test(`${what} in every field of every form is answered in words`, async () => {
      for (const page of pages()) {
        const { text, status } = await admin.get(page)
        // Bringing somebody back succeeds once.
        if (status === 404 && page.startsWith('/bin/')) continue
        assert.equal(status, 200, page)
        const fields: Fields = Object.fromEntries(namesIn(text).map((name) => [name, value]))
        for (const action of new Set(actionsIn(text)))
          await judged(`${action} with ${what}`, () => admin.post(action, fields))
      }
    })

  test('what was taken is shown as it was typed, everywhere', async () => {
    for (const page of [...pages(), '/', '/users', '/groups', '/audit', '/plugins', '/extensions', '/bin'])
      await judged(page, () => admin.get(page))
  })

  test('text that turns a line around is refused in names and fields', async () => {
    for (const [path, fields, name] of [
      ['/users/new', { username: 'turned', first: 'a\u202eb', last: 'X', 'first-password': 'link' }, 'first'],
      ['/users/new', { username: 'turned', first: 'A', last: 'X\u2066', 'first-password': 'link' }, 'last'],
      [
        '/users/new',
        { username: 'turned', first: 'A', last: 'X', 'first-password': 'link', 'contact.title': '\u2067x' },
        'contact-title',
      ],
      ['/groups/new', { name: 'turned', description: 'x\u202e' }, 'description'],
    ] as const) {
      const answer = await admin.post(path, fields)
      assert.equal(answer.status, 422, `${path} ${name}`)
      assert.match(textOf(answer.text), /must be one line without control characters/)
    }
  })

  test('names that every object has are nobody’s', async () => {
    for (const username of ['__proto__', 'constructor']) {
      const person = await admin.post('/users/new', { username, first: 'A', last: 'B', 'first-password': 'link' })
      assert.equal(person.status, 422, username)
      assert.equal((await admin.post('/groups/new', { name: username, description: '' })).status, 422, username)
    }
  })

  test('a switch that says neither yes nor no changes nothing', async () => {
    for (const path of ['/extensions/contact', '/plugins/ftp'])
      for (const fields of [{}, { on: 'maybe' }, { on: ['yes', 'no'] }] as Fields[])
        assert.equal((await admin.post(path, fields)).status, 422, path)
    const known = await declared(store.db)
    assert.deepEqual([known.extension('contact')?.on, known.plugin('ftp')?.on], [true, true])
  })

  test('an address too long to come back to is left out of the way to the sign-in', async () => {
    const { headers } = await aBrowser(app).get(`/users?search=${'ä'.repeat(1000)}`)
    assert.equal(headers.location, '/login')
  })
})

describe('declarations of one’s own', { concurrency: false }, () => {
  const field = { label: 'Room', type: 'text' }

  const withField = (more: object) => ({ title: 'X', fields: [{ ...field, ...more }] })
  const refused: [string, Parameters<typeof addOwnExtension>[2], string][] = [
    ['the name that every object has', { ...withField({}), name: 'constructor' }, 'name'],
    ['the name of one of the program', { ...withField({}), name: 'contact' }, 'name'],
    ['an object class of the standard', { ...withField({}), objectClass: 'inetOrgPerson' }, 'objectClass'],
    ['a field that every object has', withField({ name: 'constructor' }), 'fields.0.name'],
    ['another of those', withField({ name: 'toString' }), 'fields.0.name'],
    ['the attribute of a password', withField({ attribute: 'userPassword' }), 'fields.0.attribute'],
    ['the attribute of membership', withField({ attribute: 'memberOf' }), 'fields.0.attribute'],
    ['the attribute of an extension', withField({ attribute: 'loginShell' }), 'fields.0.attribute'],
    ['an attribute that ends its schema', withField({ attribute: 'x 1.2.3)' }), 'fields.0.attribute'],
    ['a pattern that looks ahead', withField({ pattern: '(?=a)b' }), 'fields.0.pattern'],
    ['a pattern that grows', withField({ pattern: '((a{1000}){1000}){1000}' }), 'fields.0.pattern'],
  ]
  for (const [what, input, problem] of refused)
    test(`${what} is refused`, async () => {
      await assert.rejects(addOwnExtension(store.db, me, input), (error: { problems?: Record<string, string> }) => {
        assert.equal(Object.keys(error.problems ?? {}).includes(problem), true, JSON.stringify(error.problems))
        return true
      })
    })

  test('labels with markup are text, and a slow pattern is judged', async () => {
    const evil = '<img src=x onerror=alert(1)>'
    const { name } = await addOwnExtension(store.db, me, {
      title: evil,
      name: 'evil',
      summary: evil,
      fields: [
        { label: '"><b hx-get="/logout">', name: 'slow', type: 'text', help: evil, pattern: '(a+)+$', maxLength: 1024 },
      ],
    })
    for (const page of [
      '/users/new',
      '/users/onguyen',
      `/extensions/${name}`,
      '/extensions',
      '/profiles/new',
      '/import',
      '/settings',
    ])
      await judged(page, () => admin.get(page))
    const slow = {
      username: 'slow1',
      first: 'A',
      last: 'B',
      'first-password': 'link',
      'evil.slow': `${'a'.repeat(1000)}!`,
    }
    assert.equal((await judged('a slow value', () => admin.post('/users/new', slow))).status, 422)
  })

  test('a profile’s templates are text and placeholders, and nothing else', async () => {
    const templates = [
      '{constructor}',
      '{__proto__}',
      '{username',
      '{{username}}',
      '#{process.pid}',
      '<%= it %>',
      '{first}'.repeat(500),
    ]
    for (const [at, template] of templates.entries()) {
      const fields = { name: `evil ${at}`, description: '', 'contact.title': template }
      const answer = await judged(template, () => admin.post('/profiles/new', fields))
      assert.doesNotMatch(textOf(answer.text), /\[object|function Object/)
    }
    await aUser(store.db, { username: 'plain9' })
    assert.deepEqual(Object.keys((await userByUsername(store.db, 'plain9')).extensions).includes('constructor'), false)
  })
})

const header = 'core.username,core.first_name,core.last_name\n'
const ldif = (lines: string): string => `version: 1\n\ndn: uid=x,dc=example,dc=lan\n${lines}\n`
const files: [string, string, () => string][] = [
  ['4,000 empty lines before the header', 'a.csv', () => `${'\n'.repeat(4000)}x`],
  ['20 MB of empty lines', 'a.csv', () => '\n'.repeat(19_000_000)],
  ['a header of a million commas', 'a.csv', () => `${','.repeat(1_000_000)}\na`],
  ['quotation marks that open and never close', 'a.csv', () => header + `"${'x'.repeat(300_000)}\n`.repeat(60)],
  ['one quotation mark and long lines', 'a.csv', () => `${header}"\n${`${'x'.repeat(300_000)}\n`.repeat(60)}`],
  ['a column with 190,000 spaces in its name', 'a.csv', () => `a${' '.repeat(190_000)}b,core.username\nx,y\n`],
  ['a million spaces in a value', 'a.ldif', () => ldif(`uid: evil2\nsn: a${' '.repeat(1_000_000)}b `)],
  ['a million spaces in base64', 'a.ldif', () => ldif(`uid: evil3\nsn:: A${' '.repeat(1_000_000)}*`)],
  [
    'a million spaces in a DN',
    'a.ldif',
    () => `dn: uid=a${' '.repeat(1_000_000)}b${' '.repeat(100_000)}\nobjectClass: person\nuid: evil4\n`,
  ],
  [
    'a member of spaces',
    'a.ldif',
    () =>
      `${ldif('uid: evil5\nobjectClass: person\ncn: A B')}\n\ndn: cn=g,dc=x\nobjectClass: groupOfNames\ncn: grp\nmember: x${' '.repeat(100_000)}y\n`,
  ],
  ['a column that is named twice', 'a.csv', () => `core.username,core.username\na,b\n`],
  ['a column __proto__', 'a.csv', () => `__proto__,constructor,core.username\na,b,c\n`],
  ['entries without a dn', 'a.ldif', () => 'version: 1\n\ncn: x\n'],
  ['base64 that is none', 'a.ldif', () => ldif('uid:: ****')],
  [
    'a value from a file of the node',
    'a.ldif',
    () => ldif('uid: evil1\njpegPhoto:< file:///etc/passwd\nsn:< file:///etc/passwd'),
  ],
  ['changes', 'a.ldif', () => ldif('changetype: delete')],
  ['a control', 'a.ldif', () => ldif('control: 1.2.3 true\nchangetype: add')],
  ['a continuation of nothing', 'a.ldif', () => ' x\n x\n'],
  ['5 MB of continuations', 'a.ldif', () => ldif(`uid: a\n${' a\n'.repeat(1_700_000)}`)],
  [
    'attributes that every object has',
    'a.ldif',
    () => ldif('__proto__: x\nconstructor: y\nobjectClass: person\nuid: ok'),
  ],
]

describe('files', { concurrency: false }, () => {
  for (const [what, name, text] of files)
    test(`${what}: answered in two seconds, and nobody is added`, async () => {
      const people = await countUsers(store.db)
      const answer = await judged(what, () => admin.upload('/import', name, text()))
      assert.equal([303, 422].includes(answer.status), true, `${answer.status}`)
      const page = await judged(what, () => admin.get(answer.headers.location ?? '/import'))
      assert.doesNotMatch(page.text, /root:x:0/)
      assert.equal(await countUsers(store.db), people)
    })
})

const requests: [string, string, RegExp][] = [
  ['TRACE', 'TRACE / HTTP/1.1\r\n', /^HTTP\/1.1 4/],
  ['CONNECT', 'CONNECT example.lan:443 HTTP/1.1\r\n', /^(HTTP\/1.1 4|$)/],
  ['PUT', 'PUT /users/admin HTTP/1.1\r\nContent-Length: 0\r\n', /^HTTP\/1.1 4/],
  ['a method that nobody knows', 'FOO / HTTP/1.1\r\n', /^HTTP\/1.1 400/],
  ['a path that climbs', 'GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n', /^HTTP\/1.1 404/],
  ['a path that climbs out of the assets', 'GET /assets/..%2f..%2fpackage.json HTTP/1.1\r\n', /^HTTP\/1.1 404/],
  ['a path that is no UTF-8', 'GET /%ff HTTP/1.1\r\n', /^HTTP\/1.1 4/],
  ['the history of the program', 'GET /.git/config HTTP/1.1\r\n', /^HTTP\/1.1 404/],
  ['the database', 'GET /node.sqlite HTTP/1.1\r\n', /^HTTP\/1.1 404/],
  ['bytes that are no ASCII in a header', 'GET /users HTTP/1.1\r\nCookie: \x80\xff=\xfe\r\n', /^HTTP\/1.1 [34]/],
  ['a header of 20 kB', `GET /login HTTP/1.1\r\nX-A: ${'a'.repeat(20_000)}\r\n`, /^HTTP\/1.1 431/],
  ['200 cookies', `GET /users HTTP/1.1\r\nCookie: ${'account-sync=s%3Aabc.def; '.repeat(200)}\r\n`, /^HTTP\/1.1 3/],
  ['two lengths', 'POST /login HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n', /^HTTP\/1.1 400/],
  [
    'a length and chunks',
    'POST /login HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n',
    /^HTTP\/1.1 400/,
  ],
]

describe('requests', { concurrency: false }, () => {
  for (const [what, head, expected] of requests)
    test(`${what} is refused, and the next request is answered`, async () => {
      const server = app.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      try {
        const answer = await sent(port, `${head}Host: node\r\nConnection: close\r\n\r\n`)
        assert.match(answer, expected)
        assert.doesNotMatch(answer, /root:x:0|"dependencies"|SQLite format/)
        assert.match(
          await sent(port, 'GET /health HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n'),
          /^HTTP\/1.1 200/,
        )
      } finally {
        server.close()
      }
    })
})

/** Raw bytes, and all that comes back. */
async function sent(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (part) => {
    text += part.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return text
}
