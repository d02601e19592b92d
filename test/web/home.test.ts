import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Express } from 'express'
import { setStatus } from '../../server/accounts/user-status.ts'
import { removeUser } from '../../server/accounts/users.ts'
import { hourlySamples, peoplePerDay, takeSample } from '../../server/replication/samples.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { columnsChart } from '../../server/web/chart.ts'
import { startMaster, startSlave, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Express
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  admin = await signedIn(app)
  for (const [username, role] of [
    ['audra', 'auditor'],
    ['hedda', 'helpdesk'],
    ['freja', 'person'],
  ] as const)
    await aUser(store.db, { username, role, password })
})
after(() => store.close())

const page = async (browser = admin) => textOf((await browser.get('/')).text)

test('people, sign-ins and changes are pictures with a sentence, axes and a table', async () => {
  const { text } = await admin.get('/')
  for (const sentence of [
    /aria-labelledby="chart-people-title chart-people".*id="chart-people">4 people today/s,
    /id="chart-sign-ins">In 14 days at this node 1 accepted/,
    /id="chart-changes">\d+ in the last 14 days/,
  ])
    assert.match(text, sentence)
  assert.equal(text.match(/As a table/g)?.length, 3)
  const [picture] = /<svg class="bars".*?<\/svg>/s.exec(text) ?? ['']
  assert.equal(picture.match(/<line /g)?.length, 3)
  assert.match(textOf(text), /Sign-ins today 1 /)
})

test('what needs somebody has its own button: who is locked, whose account ends soon', async () => {
  const user = await aUser(store.db, { username: 'locked1' })
  await setStatus(store.db, me, user.id, 'locked')
  const soon = new Date(Date.now() + 3 * 86_400_000).toISOString()
  await aUser(store.db, { username: 'leaving', validUntil: soon })
  const binned = await aUser(store.db, { username: 'binned' })
  await removeUser(store.db, me, binned.id)
  const { text } = await admin.get('/')
  const words = textOf(text)
  assert.match(words, /1 person is locked/)
  assert.match(words, /1 account ends within 14 days leaving /)
  assert.match(words, /1 in the recycle bin/)
  assert.match(text, /href="\/users\?status=locked"/)
  assert.match(text, /href="\/users\/leaving"/)
})

test('the menu and the page have what a role may open, and nothing else', async () => {
  const menuOf = async (browser: Browser, path = '/') => {
    const { text } = await browser.get(path)
    return [...(/<nav aria-label="Main menu">.*?<\/nav>/s.exec(text)?.[0] ?? '').matchAll(/href="([^"]+)"/g)].map(
      ([, href]) => href,
    )
  }
  const everything = await menuOf(admin)
  for (const href of ['/profiles', '/password-policy', '/bin', '/tokens', '/settings', '/audit'])
    assert.ok(everything.includes(href), href)
  const auditor = await menuOf(await signedIn(app, 'audra'))
  assert.ok(auditor.includes('/audit') && auditor.includes('/clients'), 'an auditor sees the record')
  assert.equal(auditor.includes('/import'), false)
  const helpdesk = await signedIn(app, 'hedda')
  const helps = await menuOf(helpdesk)
  assert.ok(helps.includes('/users'), 'the help desk sees people')
  assert.equal(helps.includes('/audit') || helps.includes('/settings') || helps.includes('/import'), false)
  const home = await helpdesk.get('/')
  assert.equal(home.status, 200)
  assert.doesNotMatch(home.text, /Latest changes|Add user/)
  const person = await signedIn(app, 'freja')
  assert.deepEqual(await menuOf(person, '/account'), ['/account'])
  assert.equal((await person.get('/')).headers.location, '/account')
  const refused = await person.get('/users')
  assert.equal(refused.status, 403)
  assert.match(textOf(refused.text), /Not allowed This page is for those who look after accounts/)
})

test('every page that the menu names is there', async () => {
  const { text } = await admin.get('/')
  for (const [, href] of (/<nav aria-label="Main menu">.*?<\/nav>/s.exec(text)?.[0] ?? '').matchAll(/href="([^"]+)"/g))
    assert.equal((await admin.get(href as string)).status, 200, href)
})

test('an hour keeps its worst moment, and an hour without a sample is not known', async () => {
  const now = Date.parse('2026-11-23T10:20:00.000Z')
  await takeSample(store.db, now)
  await takeSample(store.db, now + 60_000)
  const hours = await hourlySamples(store.db, 3, now)
  assert.deepEqual(
    hours.map(({ hour, sample }) => [hour, sample?.away]),
    [
      ['2026-11-23T08:00:00.000Z', undefined],
      ['2026-11-23T09:00:00.000Z', undefined],
      ['2026-11-23T10:00:00.000Z', 0],
    ],
  )
})

test('a day without a sample has as many people as the day before it, and today has those of now', async () => {
  await store.db.writer('samples').delete()
  const at = new Date(2026, 10, 20, 12).toISOString()
  await store.db.writer('samples').insert({ hour: at, people: 7, equal: 0, behind: 0, away: 0, lag: 0 })
  const days = await peoplePerDay(store.db, 5, 9, new Date(2026, 10, 23, 15))
  assert.deepEqual(
    days.map(({ people }) => people),
    [undefined, 7, 7, 7, 9],
  )
})

test('bars stand on one another, and three lines have whole numbers', () => {
  const chart = columnsChart(
    {
      sentence: '',
      head: 'Day',
      series: [
        { name: 'accepted', look: 'main' },
        { name: 'refused', look: 'look' },
      ],
    },
    [
      { label: 'a', name: 'a', values: [35, 5] },
      { label: 'b', name: 'b', values: [0, undefined] },
    ],
  )
  assert.deepEqual(
    chart.lines.map(({ value }) => value),
    [0, 20, 40],
  )
  const [one, two] = chart.bars[0]?.parts ?? []
  assert.equal((one?.y ?? 0) - (two?.height ?? 0), two?.y)
  assert.equal(two?.y, 8)
  assert.deepEqual(chart.bars[1]?.parts, [])
})

test('the keys are listed on a page for who has no scripts', async () => {
  const { status, text } = await admin.get('/help/keys')
  assert.equal(status, 200)
  assert.match(textOf(text), /Search in the list of this page/)
  assert.equal((await page()).includes('Keyboard'), true)
})

test('a slave says since when its master is away, what goes on, and shows the settings without a way to change them', async () => {
  const master = await startMaster()
  const slave = await startSlave(master)
  try {
    const browser = await signedIn(`http://127.0.0.1:${slave.ports().web}`)
    const settings = await browser.get('/settings')
    assert.match(textOf(settings.text), /This node is a slave of master\.example\.lan/)
    assert.doesNotMatch(settings.text, /Save settings|type="checkbox"/)
    assert.match((await browser.get('/')).text, /id="chart-lag-title">Behind the master/)
    await master.stop()
    await until(() => workerOf(slave.db)?.line.reachable === false, 20_000)
    assert.match(textOf((await browser.get('/')).text), /master\.example\.lan has not answered since/)
    const users = textOf((await browser.get('/users')).text)
    assert.match(users, /has not answered since .*Sign-ins go on with accounts as of change \d+/)
  } finally {
    await slave.close()
    await master.close()
  }
})
