import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addGroup } from '../../server/accounts/groups.ts'
import { startImport } from '../../server/accounts/import.ts'
import { jobById } from '../../server/accounts/jobs.ts'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, signedIn, textOf } from '../support/web.ts'

const many = 800
let store: Awaited<ReturnType<typeof aMasterStore>>
let app: Awaited<ReturnType<typeof aWebApp>>
let admin: Browser

before(async () => {
  store = await aMasterStore()
  app = await aWebApp(store.db)
  await addGroup(store.db, me, { name: 'sales', description: '' })
  await Promise.all(
    Array.from({ length: many }, (_, n) => aUser(store.db, { username: `crowd${n}`, first: 'Crowd', last: `No ${n}` })),
  )
  await aUser(store.db, { username: 'desk', role: 'auditor', password })
  await aUser(store.db, { username: 'second', role: 'administrator', password })
  admin = await signedIn(app)
})
after(() => store.close())

const everyone = { everyone: 'yes', back: '/users?search=crowd' }

/** The page of a job once the job has ended. */
async function ended(browser: Browser, href: string): Promise<string> {
  const until = Date.now() + 30_000
  while (Date.now() < until) {
    const { text } = await browser.part(href)
    if (!/every 1s/.test(text)) return text
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${href} does not end.`)
}

const begun = async (path: string, fields: Record<string, string>): Promise<string> => {
  const answer = await admin.post(path, fields)
  assert.equal(answer.status, 303, textOf(answer.text))
  assert.match(answer.headers.location ?? '', /^\/jobs\/[0-9a-f-]{36}$/)
  return answer.headers.location as string
}

const total = async (query: string): Promise<number> => {
  const [, pages = ''] = (await admin.get(query)).text.split('class="pages"')
  return Number(/of ([\d,]+)/.exec(textOf(pages))?.[1]?.replace(',', ''))
}

test('locking very many goes on in the background, can be left and found again, and is undone in the same way', async () => {
  const href = await begun('/selected-users', { action: 'lock', ...everyone })
  const page = await admin.get(href)
  assert.equal(page.headers.refresh, '5')
  assert.match(textOf(page.text), /Locking 800 people.*Begun by admin/)
  assert.match(page.text, /<progress max="800" value="\d+"/)
  assert.match(page.text, new RegExp(`hx-get="${href}" hx-trigger="every 1s"`))
  assert.equal((await admin.part(href)).headers.refresh, undefined)

  // Another browser, the same person: the list says that it goes on.
  const again = await signedIn(app)
  const list = (await again.get('/users')).text
  assert.match(textOf(list), /Locking 800 people goes on: [\d,]+ of 800\. Watch it/)
  assert.match(list, new RegExp(`href="${href}"`))

  const end = await ended(again, href)
  assert.match(textOf(end), /Done 800 of 800 800 people locked/)
  assert.equal((await userByUsername(store.db, 'crowd7')).status, 'locked')
  assert.doesNotMatch((await admin.get('/users')).text, /\/jobs\//)

  const undo = /action="(\/audit\/batch\/[^"]+\/undo)"/.exec(end)?.[1] as string
  const back = await begun(undo, { back: '/users' })
  assert.match(textOf((await admin.get(back)).text), /Undoing 800 changes/)
  // Asked once more while it goes on: the same work, not a second one.
  assert.equal((await admin.post(undo, {})).headers.location, back)
  assert.match(textOf(await ended(admin, back)), /800 of 800 800 changes undone/)
  assert.equal((await userByUsername(store.db, 'crowd7')).status, 'enabled')
  assert.doesNotMatch((await admin.get(href)).text, /action="\/audit\/batch/)
})

test('it is stopped between two slices; what was done stays and can be undone', async () => {
  const href = await begun('/selected-users', { action: 'disable', ...everyone })
  assert.equal((await admin.post(`${href}/stop`)).headers.location, href)
  const end = await ended(admin, href)
  const done = Number(/([\d,]+) of 800/.exec(textOf(end))?.[1]?.replace(',', ''))
  assert.match(textOf(end), /Stopped/)
  assert.equal(done > 0 && done < many, true, `${done} were done`)
  assert.equal(await total('/users?search=crowd&status=disabled'), done)
  const undo = /action="(\/audit\/batch\/[^"]+\/undo)"/.exec(end)?.[1] as string
  const answer = await admin.post(undo, { back: '/users' })
  if (/jobs/.test(answer.headers.location ?? '')) await ended(admin, answer.headers.location as string)
  assert.equal((await userByUsername(store.db, 'crowd0')).status, 'enabled')
  assert.match(textOf((await admin.get('/users?search=crowd&status=disabled')).text), /Nobody matches/)
})

test('an edit of very many is previewed, done in the background, and what changed since stays when it is undone', async () => {
  const edit = { ...everyone, join: 'sales', 'field-1': 'contact.city', 'value-1': 'Lund' }
  const preview = await admin.post('/selected-users/preview', edit)
  assert.match(textOf(preview.text), /800 people change/)
  assert.match(textOf(preview.text), /And 600 people more, in the same way/)
  assert.equal((await admin.post('/selected-users/save', { ...edit, count: '7' })).status, 409)
  const href = await begun('/selected-users/save', { ...edit, count: '800' })
  const end = await ended(admin, href)
  const { id, groups } = await userByUsername(store.db, 'crowd3')
  assert.equal(groups.length, 1)
  await changeUser(store.db, me, id, { extensions: { contact: { city: 'Bari' } } })
  const undo = /action="(\/audit\/batch\/[^"]+\/undo)"/.exec(end)?.[1] as string
  const undone = await ended(admin, await begun(undo, {}))
  assert.match(textOf(undone), /799 changes undone, 1 refused/)
  assert.match(textOf(undone), /1 refused Change Why .*Crowd No 3 .*“city” of Crowd No 3 was changed again since/)
  assert.equal((await userByUsername(store.db, 'crowd3')).extensions.contact?.city, 'Bari')
  assert.equal((await userByUsername(store.db, 'crowd4')).groups.length, 0)
})

test('one who is refused is named, and stops nobody else', async () => {
  // The last two administrators are among everybody: one of them stays.
  const all = await total('/users')
  const href = await begun('/selected-users', { action: 'disable', everyone: 'yes', back: '/users' })
  // Whoever lost the right by that cannot look any more: the domain is asked.
  const job = jobById(store.db, href.split('/').at(-1) as string)
  while (job?.endedAt === undefined) await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(job.state, 'done')
  assert.equal(job.changed, all - 1)
  assert.deepEqual(
    job.refused.map(({ reason }) => /last administrator/.test(reason)),
    [true],
  )
  for (const name of ['admin', 'second'])
    await changeUser(store.db, me, (await userByUsername(store.db, name)).id, { status: 'enabled' })
  admin = await signedIn(app)
})

test('the undo of a large import is watched as well, and cannot begin before the import has ended', async () => {
  const rows = Array.from({ length: 700 }, (_, n) => `import${n},Im,Port ${n}`)
  const text = Buffer.from(`core.username,core.first_name,core.last_name\n${rows.join('\n')}\n`)
  const job = await startImport(store.db, me, { file: 'people.csv', text, dryRun: false })
  const undo = `/audit/batch/${job.id}/undo`
  while (job.added === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const early = await admin.post(undo)
  assert.equal(early.status, 422)
  assert.match(textOf(early.text), /still under way/)
  while (job.endedAt === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  const end = await ended(admin, await begun(undo, {}))
  assert.match(textOf(end), /700 of 700 700 changes undone/)
  await assert.rejects(userByUsername(store.db, 'import3'))
  // The undo is a batch too.
  const redo = /action="(\/audit\/batch\/[^"]+\/undo)"/.exec(end)?.[1] as string
  await ended(admin, await begun(redo, {}))
  assert.equal((await userByUsername(store.db, 'import3')).last, 'Port 3')
})

test('only an administrator sees such work; one that is not known is said so', async () => {
  assert.equal((await (await signedIn(app, 'second')).get('/jobs/x')).status, 404)
  await changeUser(store.db, me, (await userByUsername(store.db, 'desk')).id, { status: 'enabled' })
  assert.equal((await (await signedIn(app, 'desk')).get('/jobs/x')).status, 403)
})
