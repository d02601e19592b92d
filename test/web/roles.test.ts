import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Express } from 'express'
import { changeGroup, groupByName } from '../../server/accounts/groups.ts'
import { addFileSet } from '../../server/filesync/sets.ts'
import { routes } from '../../server/web/routes.ts'
import { anOrganisation, type Organisation } from '../support/organisation.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aBrowser, aWebApp, type Browser, type Fields, signedIn } from '../support/web.ts'
import { aWindowsDomain } from '../support/windows-domain.ts'

const whos = ['nobody', 'person', 'owner', 'helpdesk', 'auditor', 'administrator'] as const
type Who = (typeof whos)[number]

const anybody = whos
const signed = whos.slice(1)
const readers: readonly Who[] = ['helpdesk', 'auditor', 'administrator']
const auditors: readonly Who[] = ['auditor', 'administrator']
const helpers: readonly Who[] = ['helpdesk', 'administrator']
const admins: readonly Who[] = ['administrator']

/** Who may ask for what; `{x}` is filled in with something that is there. A route that is not here fails the test. */
const table: [string, readonly Who[]][] = [
  ['POST /theme', anybody],
  ['GET /login', anybody],
  ['POST /login', anybody],
  ['GET /welcome/:secret', anybody],
  ['POST /welcome/:secret', anybody],
  ['GET /account/new-password', signed],
  ['POST /account/new-password', signed],
  ['GET /account', signed],
  ['POST /account/password', signed],
  ['POST /account/fields', signed],
  ['POST /account/keys', signed],
  ['POST /account/keys/remove', signed],
  ['POST /account/sessions/end', signed],
  ['GET /', signed],
  ['GET /help/keys', signed],
  ['GET /my-groups', signed],

  ['GET /users', readers],
  ['GET /export/users.csv', auditors],
  ['GET /export/accounts.ldif', auditors],
  ['GET /users/new', admins],
  ['POST /users/new', admins],
  ['POST /selected-users', admins],
  ['POST /selected-users/preview', admins],
  ['POST /selected-users/save', admins],
  ['POST /selected-users/remove', admins],
  ['GET /users/:username', readers],
  ['POST /users/:username', admins],
  ['GET /users/:username/password', helpers],
  ['POST /users/:username/password', helpers],
  ['POST /users/:username/password/generate', helpers],
  ['POST /users/:username/password/invite', helpers],
  ['POST /users/:username/password/take-back', helpers],
  ['GET /users/:username/status', helpers],
  ['POST /users/:username/status', helpers],
  ['GET /users/:username/remove', admins],
  ['POST /users/:username/remove', admins],

  ['GET /groups', readers],
  ['GET /groups/new', admins],
  ['POST /groups/new', admins],
  ['GET /groups/:name', ['owner', ...readers]],
  ['GET /groups/:name/inside', readers],
  ['POST /groups/:name', admins],
  ['POST /groups/:name/members', ['owner', 'administrator']],
  ['GET /groups/:name/remove', admins],
  ['POST /groups/:name/remove', admins],

  ['GET /mode/promote', admins],
  ['POST /mode/promote', admins],
  ['GET /mode/hand-over', admins],
  ['POST /mode/hand-over', admins],

  ['GET /profiles', readers],
  ['GET /profiles/new', admins],
  ['POST /profiles/new', admins],
  ['GET /profiles/:name', readers],
  ['POST /profiles/:name', admins],
  ['GET /profiles/:name/remove', admins],
  ['POST /profiles/:name/remove', admins],

  ['GET /bin', readers],
  ['GET /bin/:id/restore', admins],
  ['GET /bin/:id/remove', admins],
  ['POST /bin/:id/remove', admins],
  ['POST /bin/:id/restore', admins],

  ['GET /extensions', readers],
  ['GET /extensions/new', admins],
  ['POST /extensions/new', admins],
  ['GET /extensions/:name', readers],
  ['POST /extensions/:name', admins],
  ['GET /extensions/:name/misfits', readers],
  ['GET /extensions/:name/edit', admins],
  ['POST /extensions/:name/edit', admins],
  ['GET /extensions/:name/values', admins],
  ['POST /extensions/:name/values', admins],
  ['GET /extensions/:name/remove', admins],
  ['POST /extensions/:name/remove', admins],
  ['GET /plugins', readers],
  ['GET /plugins/new', admins],
  ['POST /plugins/new', admins],
  ['GET /plugins/:name', readers],
  ['POST /plugins/:name', admins],
  ['GET /plugins/:name/edit', admins],
  ['POST /plugins/:name/edit', admins],
  ['POST /plugins/:name/users/add', admins],
  ['POST /plugins/:name/users/remove', admins],
  ['GET /plugins/:name/remove', admins],
  ['POST /plugins/:name/remove', admins],

  ['GET /password-policy', readers],
  ['POST /password-policy', admins],
  ['GET /password-policy/new', admins],
  ['POST /password-policy/new', admins],
  ['GET /password-policy/groups/:name', readers],
  ['POST /password-policy/groups/:name', admins],
  ['GET /password-policy/groups/:name/remove', admins],
  ['POST /password-policy/groups/:name/remove', admins],

  ['GET /import', admins],
  ['POST /import', admins],
  ['GET /import/template.csv', admins],
  ['GET /import/directory', admins],
  ['POST /import/directory', admins],
  ['POST /import/directory/read', admins],
  ['GET /import/columns/:draft', admins],
  ['POST /import/columns/:draft', admins],
  ['GET /import/:id', admins],
  ['POST /import/:id/begin', admins],
  ['POST /import/:id/stop', admins],
  ['POST /import/:id/passwords', admins],
  ['GET /jobs/:id', admins],
  ['POST /jobs/:id/stop', admins],

  ['GET /mode', auditors],
  ['POST /mode/key', admins],
  ['GET /mode/key/new', admins],
  ['POST /mode/key/new', admins],
  ['GET /mode/become/:mode', admins],
  ['GET /mode/follow', admins],
  ['POST /mode/follow', admins],
  ['GET /mode/detach', admins],
  ['POST /mode/detach', admins],
  ['GET /mode/rejoin', admins],
  ['POST /mode/rejoin', admins],
  ['GET /mode/stay', admins],
  ['POST /mode/stay', admins],
  ['GET /mode/unshipped', auditors],
  ['POST /mode/unshipped', admins],
  ['GET /mode/unshipped/forget', admins],
  ['POST /mode/unshipped/forget', admins],
  ['GET /mode/recovery', admins],
  ['POST /mode/recovery', admins],
  ['GET /devices', auditors],
  ['GET /devices/alerts', admins],
  ['POST /devices/alerts', admins],
  ['POST /devices/alerts/test', admins],
  ['GET /devices/join', admins],
  ['POST /devices/join', admins],
  ['GET /devices/join/:name', admins],
  ['POST /devices/join/:name/take-back', admins],
  ['GET /devices/:id', auditors],
  ['GET /devices/:id/scope', admins],
  ['POST /devices/:id/scope', admins],
  ['GET /devices/:id/stolen', admins],
  ['POST /devices/:id/stolen', admins],
  ['GET /devices/:id/held.csv', admins],
  ['GET /devices/:id/revoke', admins],
  ['POST /devices/:id/revoke', admins],
  ['GET /reached/:seq', readers],
  ['GET /receipts/:row', readers],
  ['GET /files', auditors],
  ['POST /files', admins],
  ['GET /files/new', admins],
  ['POST /files/new', admins],
  ['GET /files/:name', auditors],
  ['POST /files/:name', admins],
  ['POST /files/:name/place', admins],
  ['POST /files/:name/place/end', admins],
  ['POST /files/:name/renew', admins],
  ['GET /files/:name/remove', admins],
  ['POST /files/:name/remove', admins],
  ['GET /files/:name/file', auditors],
  ['POST /files/:name/file/restore', admins],
  ['GET /windows', auditors],
  ['POST /windows', admins],
  ['GET /windows/computers', auditors],
  ['POST /windows/computers', admins],
  ['GET /windows/computers/:name/remove', admins],
  ['POST /windows/computers/:name/remove', admins],
  ['GET /clients', auditors],
  ['POST /clients', admins],
  ['GET /clients/:name', auditors],
  ['POST /clients/:name', admins],
  ['POST /clients/:name/forget', admins],
  ['GET /clients/:name/password', admins],
  ['POST /clients/:name/password', admins],
  ['GET /clients/:name/remove', admins],
  ['POST /clients/:name/remove', admins],
  ['GET /tokens', auditors],
  ['POST /tokens', admins],
  ['GET /tokens/:id/remove', admins],
  ['POST /tokens/:id/remove', admins],

  ['GET /audit', auditors],
  ['GET /audit/export', auditors],
  ['POST /audit/check', auditors],
  ['GET /audit/batch/:batch/undo', admins],
  ['POST /audit/batch/:batch/undo', admins],
  ['GET /audit/:id/undo', admins],
  ['POST /audit/:id/undo', admins],
  ['GET /settings', auditors],
  ['POST /settings', admins],
  ['POST /mode/become/:mode', admins],
  ['POST /logout', anybody],
]

/** What a slave still does with a form: who is signed in, how a page looks, and what was seen there, is each node's own. */
const doneOnSlave = new Set([
  '/mode/promote',
  '/mode/follow',
  '/mode/detach',
  '/mode/rejoin',
  '/mode/stay',
  '/mode/unshipped',
  '/mode/unshipped/forget',
  '/theme',
  '/login',
  '/logout',
  '/account/sessions/end',
  '/audit/check',
  '/clients/:name/forget',
  '/files',
  '/files/:name/place',
  '/files/:name/place/end',
])

const isDoneOnSlave = (path: string): boolean => doneOnSlave.has(routeOf('POST', path)?.replace('POST ', '') ?? path)

const listed: string[] = routes().stack.flatMap(({ route }) =>
  route ? route.stack.slice(0, 1).map((layer) => `${layer.method.toUpperCase()} ${route.path}`) : [],
)

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let organisation: Organisation
const browsers = {} as Record<Who, Browser>

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  organisation = await anOrganisation(store.db)
  await aWindowsDomain(store.db)
  await addFileSet(store.db, me, { name: 'scripts' })
  for (const who of ['person', 'owner', 'helpdesk', 'auditor', 'administrator'] as const)
    await aUser(store.db, { username: `the-${who}`, role: who === 'owner' ? 'person' : who, password })
  await changeGroup(store.db, me, (await groupByName(store.db, organisation.group)).id, { owners: ['the-owner'] })
  for (const who of whos) browsers[who] = who === 'nobody' ? aBrowser(app) : await signedIn(app, `the-${who}`)
})
after(() => store.close())

const fill = (path: string): string => {
  const [, area = ''] = path.split('/')
  const named: Record<string, string> = {
    users: 'onguyen',
    groups: organisation.group,
    profiles: organisation.profile,
    bin: organisation.removed,
    extensions: organisation.extension,
    plugins: organisation.plugin,
    'password-policy': 'managers',
    import: organisation.job,
    tokens: organisation.token,
    clients: 'squid-malmo',
    mode: 'standalone',
    windows: 'ws-malmo-01$',
    files: 'scripts',
    audit: '3',
  }
  return path.replace(/:\w+/, named[area] ?? 'x')
}

const ask = (who: Who, route: string, fields: Fields = {}) => {
  const [method, path = ''] = route.split(' ')
  return method === 'GET' ? browsers[who].get(fill(path)) : browsers[who].post(fill(path), fields)
}

const isRefused = ({ status, headers }: Awaited<ReturnType<typeof ask>>): boolean =>
  status === 403 || (status === 303 && /^\/login\b/.test(headers.location ?? ''))

/** The route that answers a path, as the router finds it. */
const routeOf = (method: string, path: string): string | undefined =>
  listed.find((route) => {
    const [of, pattern = ''] = route.split(' ')
    return of === method && new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}$`).test(path)
  })

const matches = (html: string, pattern: RegExp): string[] => [...html.matchAll(pattern)].map(([, found = '']) => found)

/** Goes from page to page as somebody may who presses every link, and gives what each page would do. */
async function offered(who: Who): Promise<{ page: string; does: string; status: number }[]> {
  const found: { page: string; does: string; status: number }[] = []
  const seen = new Map<string, number>()
  const line = ['/', '/account', '/my-groups'].map((path) => ({ path, from: 'the address bar' }))
  for (const { path, from } of line) {
    const answer = await browsers[who].get(path)
    found.push({ page: from, does: `GET ${path}`, status: answer.status })
    if (answer.status !== 200 || !answer.text?.includes('<main')) continue
    const forms = matches(answer.text, /<form [^>]*method="post" action="([^"#?]+)/g)
    for (const action of [...forms, ...matches(answer.text, / formaction="([^"#?]+)/g)])
      found.push({ page: path, does: `POST ${action}`, status: 0 })
    for (const href of matches(answer.text, /<a [^>]*href="(\/[^"#]*)/g).map((text) => text.replaceAll('&amp;', '&'))) {
      const route = routeOf('GET', href.split('?')[0] ?? '') ?? href
      const kind = `${route} ${href.includes('?')}`
      const times = seen.get(kind) ?? 0
      seen.set(kind, times + 1)
      // A few of a kind are enough: of users, say, one who may be helped and one who may not.
      if (times < 4 && !/^\/(assets|api)\//.test(href)) line.push({ path: href, from: path })
    }
  }
  return found
}

describe('who may do what', { concurrency: false }, () => {
  test('every route but those of the set-up is in the table', () => {
    const known = listed.filter((route) => !route.includes(' /setup'))
    assert.deepEqual([...known].sort(), table.map(([route]) => route).sort())
  })

  for (const who of whos.filter((one) => one !== 'administrator'))
    test(`${who}: what is not theirs is refused and changes nothing`, async () => {
      const seq = store.db.position.seq
      for (const [route, may] of table) {
        if (may.includes(who)) continue
        const answer = await ask(who, route, { name: 'x', username: 'x', role: 'administrator', on: 'no' })
        assert.equal(isRefused(answer), true, `${route} gave ${answer.status}`)
      }
      assert.equal(store.db.position.seq, seq)
    })

  test('on a slave everyone reads the same pages, and nobody changes anything', async () => {
    const { local } = store.db
    const kept = { ...local }
    const seq = store.db.position.seq
    Object.assign(local, { mode: 'slave', masterName: 'master.example.lan' })
    try {
      for (const who of whos)
        for (const [route, may] of table) {
          const [method, path = ''] = route.split(' ')
          if (path === '/logout' || path === '/login') continue
          const answer = await ask(who, route)
          if (!may.includes(who)) assert.equal(isRefused(answer), true, `${who}: ${route} gave ${answer.status}`)
          else if (method === 'POST' && !doneOnSlave.has(path))
            assert.equal(answer.status, 409, `${who}: ${route} gave ${answer.status}`)
          else assert.equal(isRefused(answer) || answer.status >= 500, false, `${who}: ${route} gave ${answer.status}`)
        }
    } finally {
      Object.assign(local, kept)
    }
    assert.equal(store.db.position.seq, seq)
  })

  for (const who of whos.slice(1))
    test(`${who}: no page offers what would be refused`, async () => {
      const dead = (await offered(who)).filter(({ does, status }) => {
        const [method = '', path = ''] = does.split(' ')
        if (method === 'GET') return status >= 400
        const may = table.find(([route]) => route === routeOf('POST', path))?.[1]
        return !may?.includes(who)
      })
      assert.deepEqual(dead, [])
    })

  test('on a slave no page offers what would be refused', async () => {
    const { local } = store.db
    const kept = { ...local }
    Object.assign(local, { mode: 'slave', masterName: 'master.example.lan' })
    try {
      for (const who of whos.slice(1)) {
        const dead = (await offered(who)).filter(({ does, status }) => {
          const [method = '', path = ''] = does.split(' ')
          return method === 'GET' ? status >= 400 : !isDoneOnSlave(path)
        })
        assert.deepEqual(dead, [], who)
      }
    } finally {
      Object.assign(local, kept)
    }
  })

  for (const who of whos)
    test(`${who}: what is theirs is answered`, async () => {
      for (const [route, may] of table) {
        if (!may.includes(who)) continue
        const answer = await ask(who, route)
        assert.equal(answer.status < 500, true, `${route} gave ${answer.status}`)
        if (/\/log(in|out)$/.test(route)) continue
        // Something else than the role may stand against it: what is on has no values to be removed.
        const isRole = isRefused(answer) && !/turn(ed)? (it )?off/i.test(answer.text)
        assert.equal(isRole, false, route)
      }
    })
})
