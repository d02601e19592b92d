import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { removeToken, tokenList } from '../../server/accounts/tokens.ts'
import { type Answer, anApi } from '../support/api.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

type Ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

let store: Awaited<ReturnType<typeof aMasterStore>>
let api: Awaited<ReturnType<typeof anApi>>
let admin: Ask

before(async () => {
  store = await aMasterStore()
  api = await anApi(store.db)
  admin = await api.as('administrator')
})
after(async () => {
  await api.close()
  await store.close()
})

const good = (answer: Answer, status = 200): Answer => {
  assert.equal(answer.status, status, answer.text)
  return answer
}

describe('people', { concurrency: false }, () => {
  test('a person is added, read, changed and removed, and comes back from the bin', async () => {
    good(await admin('POST', '/groups', { name: 'sales', description: 'Who sells' }), 201)
    const added = good(
      await admin('POST', '/users', {
        username: 'GEk',
        first: 'Gösta',
        last: 'Ek',
        password: 'Correct-horse-7-staple',
        groups: ['sales'],
        plugins: ['ftp'],
        extensions: { contact: { city: 'Malmö' } },
        validUntil: '2999-12-31',
      }),
      201,
    )
    assert.equal(added.headers.location, '/api/v1/users/gek')
    assert.equal(added.headers.etag, `"${added.body.seq}"`)
    assert.deepEqual(
      [added.body.username, added.body.groups, added.body.plugins, added.body.state, added.body.hasPassword],
      ['gek', ['sales'], ['ftp'], 'enabled', true],
    )
    assert.doesNotMatch(added.text, /argon2|Correct-horse/)

    const changed = good(
      await admin('PATCH', '/users/gek', { last: 'Øst', extensions: { contact: { city: null, title: 'Chef' } } }),
    )
    assert.deepEqual([changed.body.last, changed.body.extensions.contact], ['Øst', { title: 'Chef' }])
    good(await admin('DELETE', '/users/gek'), 204)
    good(await admin('GET', '/users/gek'), 404)
    const bin = good(await admin('GET', '/bin?kind=user'))
    const [{ id }] = bin.body.items
    assert.equal(bin.body.items[0].name, 'gek')
    assert.deepEqual(good(await admin('POST', `/bin/${id}/undelete`, {})).body, { kind: 'user', name: 'gek', left: [] })
    assert.deepEqual(good(await admin('GET', '/users/gek')).body.groups, ['sales'])
  })

  test('what was changed since is not changed again: 412, and nothing is done', async () => {
    const { headers } = good(await admin('GET', '/users/gek'))
    good(await admin('PATCH', '/users/gek', { first: 'Gustav' }, { 'if-match': headers.etag as string }))
    const late = await admin('PATCH', '/users/gek', { first: 'Göran' }, { 'if-match': headers.etag as string })
    assert.deepEqual([late.status, late.body.code], [412, 'changed'])
    const gone = await admin('DELETE', '/users/gek', undefined, { 'if-match': headers.etag as string })
    assert.equal(gone.status, 412)
    assert.equal(good(await admin('GET', '/users/gek')).body.first, 'Gustav')
    assert.equal((await admin('PATCH', '/users/gek', { first: 'X' }, { 'if-match': 'W/"3"' })).status, 412)
    good(await admin('PATCH', '/users/gek', { first: 'Gösta' }, { 'if-match': '*' }))
  })

  test('of two changes at the same moment from one reading, one is refused', async () => {
    const { headers } = good(await admin('GET', '/users/gek'))
    const both = await Promise.all(
      ['One', 'Two'].map((last) => admin('PATCH', '/users/gek', { last }, { 'if-match': headers.etag as string })),
    )
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412])
  })

  test('a number that is too small is told its bound', async () => {
    const { status, body } = await admin('GET', '/users?limit=0')
    assert.deepEqual([status, body.problems.limit], [400, 'It must be more than 0.'])
  })

  test('a long list comes in pages that miss nobody, whatever it is sorted by', async () => {
    for (const [index, first] of ['Åsa', 'Åsa', 'Bo', 'Bo', 'Cia', 'Dan', 'Eva'].entries())
      good(await admin('POST', '/users', { username: `page${index}`, first, last: 'Same' }), 201)
    for (const query of ['', 'sort=name&', 'sort=name&order=desc&', 'sort=status&', 'sort=number&order=desc&']) {
      const names: string[] = []
      for (let path = `/users?${query}search=same&limit=2`; path; ) {
        const page = good(await admin('GET', path))
        names.push(...page.body.items.map((user: { username: string }) => user.username))
        const [, next] = /^<\/api\/v1(.*)>; rel="next"$/.exec(page.headers.link ?? '') ?? []
        assert.equal(page.body.next === null, next === undefined)
        path = next ?? ''
      }
      assert.deepEqual(
        [...names].sort(),
        [0, 1, 2, 3, 4, 5, 6].map((index) => `page${index}`),
        query,
      )
    }
    assert.equal((await admin('GET', '/users?after=bogus')).status, 400)
  })

  test('a password is made and told once; a status is set', async () => {
    const made = good(await admin('PUT', '/users/gek/password', { generate: true }))
    assert.match(made.body.password, /^\S{10,}$/)
    assert.equal(good(await admin('PUT', '/users/gek/status', { status: 'locked' })).body.state, 'locked')
    const why = good(await admin('GET', '/users/gek/plugins/ftp')).body
    assert.equal(why.may, false)
    assert.match(JSON.stringify(why.reasons), /locked/)
    const weak = await admin('PUT', '/users/gek/password', { password: 'short' })
    assert.deepEqual([weak.status, Object.keys(weak.body.problems)], [422, ['password']])
    good(await admin('PUT', '/users/gek/status', { status: 'enabled' }))
  })
})

describe('groups, plugins, extensions, profiles', { concurrency: false }, () => {
  test('people and groups go into a group and out of it', async () => {
    good(await admin('POST', '/groups', { name: 'crew', owners: ['gek'] }), 201)
    const added = await admin('POST', '/groups/crew/members', { usernames: ['page1'], groups: ['sales'] })
    assert.deepEqual(good(added).body.added.sort(), ['page1', 'sales'])
    const crew = good(await admin('GET', '/groups/crew')).body
    assert.deepEqual(
      [crew.members, crew.direct, crew.nested, crew.groups, crew.owners],
      [2, 1, true, ['sales'], ['gek']],
    )
    const circle = await admin('POST', '/groups/sales/members', { groups: ['crew'] })
    assert.equal(circle.status, 422)
    assert.deepEqual(
      good(await admin('GET', '/groups/crew/members?direct=true')).body.items.map(
        (user: { username: string }) => user.username,
      ),
      ['page1'],
    )
    assert.deepEqual(good(await admin('POST', '/groups/crew/members/remove', { usernames: ['page1'] })).body, {
      removed: ['page1'],
    })
    const { headers } = good(await admin('GET', '/groups/crew'))
    good(await admin('PATCH', '/groups/crew', { description: 'All' }, { 'if-match': headers.etag as string }))
    assert.equal(
      (await admin('PATCH', '/groups/crew', { description: 'x' }, { 'if-match': headers.etag as string })).status,
      412,
    )
    assert.deepEqual(
      good(await admin('GET', '/groups?search=cre&sort=members')).body.items.map(
        (group: { name: string }) => group.name,
      ),
      ['crew'],
    )
  })

  test('a plugin is turned on for people, and off for everyone', async () => {
    assert.deepEqual(good(await admin('POST', '/plugins/smtp/users', { usernames: ['gek'] })).body, {
      changed: ['gek'],
    })
    assert.equal(good(await admin('GET', '/plugins/smtp/users')).body.items[0].username, 'gek')
    assert.equal(good(await admin('PATCH', '/plugins/smtp', { on: false })).body.on, false)
    good(await admin('POST', '/plugins/smtp/users/remove', { usernames: ['gek'] }))
    assert.equal(good(await admin('GET', '/plugins/smtp')).body.users, 0)
    assert.equal((await admin('GET', '/plugins/bogus')).status, 404)
  })

  test('an extension of one’s own is made, used and removed', async () => {
    const made = good(
      await admin('POST', '/extensions', {
        title: 'Badge',
        fields: [{ label: 'Colour', type: 'choice', options: ['red', 'blue'] }],
      }),
      201,
    )
    const { name, own } = made.body
    const field = own.fields[0].name
    good(await admin('PATCH', '/users/gek', { extensions: { [name]: { [field]: 'red' } } }))
    assert.equal((await admin('PATCH', '/users/gek', { extensions: { [name]: { [field]: 'green' } } })).status, 422)
    const listed = good(await admin('GET', '/extensions')).body.items.find((one: { name: string }) => one.name === name)
    assert.deepEqual([listed.isOwn, listed.users], [true, 1])
    const changed = await admin(
      'PUT',
      `/extensions/${name}/declaration`,
      { title: 'Badges', fields: own.fields },
      {
        'if-match': made.headers.etag as string,
      },
    )
    assert.equal(good(changed).body.own.title, 'Badges')
    const stricter = [
      { ...own.fields[0], help: 'As on the card' },
      { label: 'Size', type: 'number', required: true },
    ]
    const put = { title: 'Badges', fields: stricter }
    const misfits = good(await admin('PUT', `/extensions/${name}/declaration`, put)).body.misfits
    const found = good(await admin('GET', `/extensions/${name}/misfits`)).body
    assert.deepEqual([misfits, found.people], [found.items.length, found.items.length])
    assert.match(JSON.stringify(found.items), /"username":"gek".*"field":"Size","value":"","problem":"Size is needed\./)
    // What is not sent stays, also where something is needed since.
    good(await admin('PATCH', '/users/gek', { extensions: { contact: { city: 'Lund' } } }))
    good(await admin('PUT', `/extensions/${name}/declaration`, { title: 'Badges', fields: own.fields }))
    assert.deepEqual(good(await admin('DELETE', `/extensions/${name}`)).body, { people: 1 })
  })

  test('a plugin of one’s own is made, changed and removed', async () => {
    const made = good(await admin('POST', '/plugins', { title: 'Wiki', name: 'wiki' }), 201)
    assert.deepEqual([made.headers.location, made.body.isOwn], ['/api/v1/plugins/wiki', true])
    good(await admin('POST', '/plugins/wiki/users', { groups: ['sales'] }))
    assert.equal(good(await admin('PATCH', '/plugins/wiki', { title: 'The wiki' })).body.title, 'The wiki')
    assert.equal(good(await admin('DELETE', '/plugins/wiki')).body.people, 1)
  })

  test('policies are read and changed; the strictest is in force', async () => {
    const first = good(await admin('GET', '/policies/everyone')).headers.etag as string
    const seen = { 'if-match': first }
    assert.equal(good(await admin('PATCH', '/policies/everyone', { minLength: 9 }, seen)).body.minLength, 9)
    const late = await admin('PATCH', '/policies/everyone', { history: 7 }, seen)
    assert.deepEqual([late.status, late.body.code], [412, 'changed'])
    assert.equal((await admin('GET', '/policies/groups/sales')).status, 404)
    assert.equal(good(await admin('PATCH', '/policies/groups/sales', { minLength: 14 })).body.group, 'sales')
    const person = { username: 'begins', first: 'New', last: 'Here', groups: ['sales'] }
    const short = await admin('POST', '/users', { ...person, password: 'Nine-9-xyz' })
    assert.match(short.body.problems.password, /at least 14 characters/)
    const begins = good(await admin('POST', '/users', { ...person, password: 'quiet-otter-moves-9' }), 201).body
    assert.equal(begins.mustChange, true, 'as the policy has it')
    good(await admin('DELETE', '/users/begins'), 204)
    good(await admin('PATCH', '/policies/groups/sales', { blocklist: ['invoice'] }))
    const force = good(await admin('GET', '/users/gek/policy')).body
    assert.deepEqual(force.policy.blocklist, ['invoice'])
    assert.deepEqual([force.policy.minLength, force.from.minLength], [14, 'sales'])
    assert.deepEqual(Object.keys((await admin('PATCH', '/policies/everyone', { minLength: 1 })).body.problems), [
      'minLength',
    ])
    good(await admin('DELETE', '/policies/groups/sales'), 204)
    assert.equal(good(await admin('GET', '/policies')).body.items.length, 1)
  })

  test('a link for a first password is made, told once, and taken back', async () => {
    const made = good(await admin('POST', '/users/gek/invitation')).body
    assert.match(made.link, /\/welcome\/\S{20,}$/)
    const read = good(await admin('GET', '/users/gek'))
    assert.equal(read.body.invitedUntil, made.until)
    assert.equal(read.text.includes(made.link.split('/').at(-1)), false)
    good(await admin('DELETE', '/users/gek/invitation'), 204)
    assert.equal(good(await admin('GET', '/users/gek')).body.invitedUntil, undefined)
  })

  test('a profile fills in a new person', async () => {
    good(
      await admin('POST', '/profiles', {
        name: 'Seller',
        groups: ['sales'],
        extensions: { contact: { mail: '{username}@example.lan' } },
      }),
      201,
    )
    const person = { username: 'sella', first: 'Sella', last: 'Ek', profile: 'seller', generate: true }
    const added = good(await admin('POST', '/users', person), 201).body
    assert.deepEqual([added.groups, added.extensions.contact.mail], [['sales'], 'sella@example.lan'])
    assert.match(added.password, /^\S{10,}$/)
    good(await admin('DELETE', '/profiles/Seller'), 204)
  })
})

describe('imports, audit, node', { concurrency: false }, () => {
  test('a CSV is imported in the background, and taken back as a whole', async () => {
    const csv = 'core.username,core.first_name,core.last_name\nimp1,Im,Port\nimp2,Im,Port\nbad name,Im,Port\n'
    const begun = good(
      await admin('POST', '/imports?mode=both&newPasswords=true', csv, { 'content-type': 'text/csv' }),
      201,
    )
    assert.equal(begun.headers.location, `/api/v1/imports/${begun.body.id}`)
    let job = begun.body
    while (job.state === 'running') job = good(await admin('GET', `/imports/${job.id}`)).body
    assert.deepEqual([job.added, job.refusedRows], [2, 1])
    assert.equal(good(await admin('GET', `/imports/${job.id}/rows?outcome=refused`)).body.items[0].line, 4)
    const passwords = good(await admin('POST', `/imports/${job.id}/passwords`))
    assert.match(passwords.text, /^username,password\r\nimp1,\S{8,}\r\nimp2,\S{8,}\r\n$/)
    assert.equal((await admin('POST', `/imports/${job.id}/passwords`)).status, 404)
    const undone = good(await admin('POST', `/imports/${job.id}/undo`, {})).body
    assert.deepEqual([undone.undone, undone.refused], [2, []])
    assert.equal((await admin('GET', '/users/imp1')).status, 404)
    assert.equal((await admin('POST', '/imports', csv, { 'content-type': 'application/json' })).status, 415)
  })

  test('everyone is exported as CSV, without a password', async () => {
    const csv = good(await admin('GET', '/export/users.csv'))
    assert.match(csv.headers['content-type'] ?? '', /^text\/csv/)
    assert.match(csv.text, /"gek"/)
    assert.doesNotMatch(csv.text, /argon2/)
    assert.equal((await admin('GET', '/export/users.csv', undefined, { accept: 'application/json' })).status, 406)
  })

  test('the audit names the token and its address, is proved, and undoes a change', async () => {
    good(await admin('PATCH', '/users/gek', { first: 'Undone' }))
    const page = good(await admin('GET', '/audit?kind=user&limit=1')).body
    const [row] = page.items
    assert.match(row.actor, /^administrator 0\./)
    assert.deepEqual([row.via, row.address, row.undoable], ['api', '127.0.0.1', true])
    const older = good(await admin('GET', `/audit?kind=user&limit=1&after=${page.next}`)).body
    assert.equal(older.items[0].id < row.id, true)
    good(await admin('POST', `/audit/${row.id}/undo`, {}))
    assert.notEqual(good(await admin('GET', '/users/gek')).body.first, 'Undone')
    const proved = good(await admin('GET', '/audit/verify')).body
    assert.equal(proved.brokenAt, undefined)
    assert.equal((await admin('GET', '/audit/999999')).status, 404)
    const [undoing] = good(await admin('GET', '/audit?limit=1')).body.items
    assert.equal(undoing.undoes, row.id)
    assert.equal(good(await admin('GET', `/audit/${row.id}`)).body.undoneBy, undoing.id)
    assert.deepEqual(good(await admin('GET', '/audit?until=2020-01-01')).body.items, [])
    const odd = await admin('GET', '/audit?from=yesterday')
    assert.equal(odd.status, 422)
    assert.match(odd.body.problems.from, /“yesterday” must be a day or a moment/)
  })

  test('status, settings, devices, clients', async () => {
    assert.equal(good(await admin('GET', '/status')).body.mode, 'master')
    const seen = { 'if-match': good(await admin('GET', '/settings')).headers.etag as string }
    const both = await Promise.all([7, 8].map((binDays) => admin('PATCH', '/settings', { binDays }, seen)))
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412])
    assert.equal(good(await admin('PATCH', '/settings', { binDays: 7 })).body.binDays, 7)
    assert.deepEqual(good(await admin('GET', '/devices')).body, { items: [], next: null })
    const client = good(await admin('POST', '/clients', { name: 'squid', role: 'auth' }), 201)
    assert.match(client.body.password, /\S{10,}/)
    assert.equal(client.headers.location, '/api/v1/clients/squid')
    assert.equal(good(await admin('GET', '/clients/squid')).body.dn, client.body.dn)
    assert.equal(good(await admin('GET', '/clients')).body.items[0].name, 'squid')
    good(await admin('DELETE', '/clients/squid'), 204)
    for (const path of ['/clients/squid', '/devices/D-0', '/tokens/nobody'])
      assert.equal((await admin('GET', path)).status, 404, path)
  })
})

describe('tokens', { concurrency: false }, () => {
  test('a token is told once, works at once, and not a moment after it is removed', async () => {
    const made = good(await admin('POST', '/tokens', { name: 'hr', role: 'auditor', days: 3 }), 201).body
    assert.equal(good(await admin('GET', `/tokens/${made.id}`)).body.name, 'hr')
    assert.doesNotMatch(good(await admin('GET', '/tokens/HR')).text, /ast_|tokenHash/)
    assert.match(made.token, /^ast_[\w-]{43}$/)
    const ask = () => api.ask('GET', '/api/v1/users', { token: made.token })
    assert.equal((await ask()).status, 200)
    const listed = good(await admin('GET', '/tokens')).text
    assert.equal(listed.includes(made.token), false)
    assert.doesNotMatch(listed, /tokenHash|[0-9a-f]{64}/)
    good(await admin('DELETE', '/tokens/hr'), 204)
    const after = await ask()
    assert.equal(after.status, 401)
    assert.match(after.headers['www-authenticate'] ?? '', /^Bearer .*error="invalid_token"/)
    const audit = JSON.stringify(good(await admin('GET', '/audit')).body)
    assert.equal(audit.includes(made.token), false)
  })

  test('a token that has ended is refused', async () => {
    const { token, id } = good(await admin('POST', '/tokens', { name: 'short', role: 'auditor', days: 1 }), 201).body
    const object = await store.db.reader('objects').where({ kind: 'token', id }).first('body')
    const { write } = await import('../../server/store/write.ts')
    await write(store.db, me, (change) =>
      change.put('token', id, { ...JSON.parse(object.body), until: '2020-01-01T00:00:00.000Z' }),
    )
    assert.equal((await api.ask('GET', '/api/v1/users', { token })).status, 401)
    assert.equal((await tokenList(store.db)).find((one) => one.id === id)?.isOver, true)
    await removeToken(store.db, me, 'short')
  })

  test('without a token nothing is told but how to ask; cookies and query are no token', async () => {
    for (const headers of [{}, { cookie: 'session=1' }, { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }]) {
      const answer = await api.ask('GET', '/api/v1/users', { headers: headers as Record<string, string> })
      assert.equal(answer.status, 401)
      assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer realm=/)
      assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
    }
  })

  const roles: ['helpdesk' | 'auditor', string, string, unknown, number][] = [
    ['helpdesk', 'GET', '/users', undefined, 200],
    ['helpdesk', 'PUT', '/users/gek/status', { status: 'locked' }, 200],
    ['helpdesk', 'PUT', '/users/gek/status', { status: 'enabled' }, 200],
    ['helpdesk', 'PUT', '/users/gek/status', { status: 'disabled' }, 403],
    ['helpdesk', 'PUT', '/users/gek/password', { generate: true }, 200],
    ['helpdesk', 'PUT', '/users/admin/password', { generate: true }, 403],
    ['helpdesk', 'PATCH', '/users/gek', { role: 'administrator' }, 403],
    ['helpdesk', 'DELETE', '/users/gek', undefined, 403],
    ['helpdesk', 'GET', '/audit', undefined, 403],
    ['helpdesk', 'POST', '/tokens', { name: 'x', role: 'administrator' }, 403],
    ['auditor', 'GET', '/audit', undefined, 200],
    ['auditor', 'GET', '/devices', undefined, 200],
    ['auditor', 'PUT', '/users/gek/status', { status: 'locked' }, 403],
    ['auditor', 'PATCH', '/settings', { binDays: 1 }, 403],
    ['auditor', 'POST', '/groups', { name: 'mine' }, 403],
  ]
  for (const [role, method, path, body, status] of roles)
    test(`${role}: ${method} ${path} ${body ? JSON.stringify(body) : ''} is ${status}`, async () => {
      const ask = await api.as(role)
      good(await ask(method, path, body), status)
    })

  test('wrong tokens from one address are slowed down; a right one is not', async () => {
    const wrong = () => api.ask('GET', '/api/v1/users', { token: `ast_${'a'.repeat(43)}` })
    let answer = await wrong()
    for (let tries = 0; tries < 60 && answer.status === 401; tries++) answer = await wrong()
    assert.equal(answer.status, 429)
    assert.match(answer.headers['retry-after'] ?? '', /^\d+$/)
    good(await admin('GET', '/status'))
  })
})
