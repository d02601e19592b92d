import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { inviteUser } from '../../server/accounts/invitations.ts'
import { changeUser, setPassword, userByUsername } from '../../server/accounts/users.ts'
import { synchronizationKey } from '../../server/mode/key.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { anOrganisation, type Organisation } from '../support/organisation.ts'
import { aUser, me, password } from '../support/people.ts'
import { findings, flaws, type Looked, launch, openPage, phone, sideways, signIn, tooSmall } from './chromium.ts'
import { take } from './pictures.ts'
import { statesOf } from './states.ts'

// What a page is like between its plain states: with problems, in the middle of something, with nothing in it, for others.

let browser: Browser
let master: TestNode
let slave: TestNode
let made: Organisation

const urlOf = (node: TestNode): string => `http://127.0.0.1:${node.ports().web}`
const on = (path: string): string => urlOf(master) + path

before(async () => {
  browser = await launch()
  master = await startMaster()
  made = await anOrganisation(master.db)
  const { id } = await userByUsername(master.db, 'lroy')
  await changeUser(master.db, me, id, { role: 'auditor' })
  await aUser(master.db, {
    username: 'wilhelmina.montgomery-featherst',
    first: 'Wilhelmina-Alexandrina Konstantinopolita',
    last: 'Montgomery-Featherstonehaugh von Habsburg',
    groups: ['site_malmo', 'sales', 'engineering', 'operations'],
  })
  await aUser(master.db, { username: 'oq', first: 'O', last: 'Q' })
  slave = await startSlave(master)
  await caughtUp(slave, master)
})
after(async () => {
  await browser?.close()
  await slave?.close()
  await master?.close()
})

type View = { name: string; options: Parameters<typeof openPage>[1] }
const views: View[] = [
  { name: '', options: {} },
  { name: 'phone', options: { ...phone, colorScheme: 'dark' } },
]

/** What is wrong with the page as it is now, and its picture. */
async function look(page: Looked, name: string, view: View): Promise<string[]> {
  const wrong = [...(await flaws(page)), ...(await findings(page))]
  if (view.name === 'phone') {
    const over = await sideways(page)
    if (over > 0) wrong.push(`scrolls ${over} px sideways`)
    wrong.push(...(await tooSmall(page)))
  } else await take(page, name)
  return wrong.map((text) => `${name}: ${text}`)
}

for (const view of views)
  test(`what is wrong, waits, is shown once or opens over a page is found good (${view.name ? 'phone, dark' : 'desktop, light'})`, async () => {
    const page = await openPage(browser, view.options)
    await signIn(page, urlOf(master), 'admin', password)
    const wrong: string[] = []
    for (const { name, come } of statesOf(master, made))
      await come(page, async () => {
        wrong.push(...(await look(page, name, view)))
      }).catch((error) => wrong.push(`${name}: ${error}`))
    assert.deepEqual([...wrong, ...page.faults], [])
    await page.context().close()
  })

/** Signs in and looks at pages, one after the other. */
async function tour(node: TestNode, who: string, typed: string, paths: [string, string][], view: View) {
  const page = await openPage(browser, view.options)
  if (who) await signIn(page, urlOf(node), who, typed)
  const wrong: string[] = []
  for (const [name, path] of paths) {
    await page.goto(urlOf(node) + path)
    wrong.push(...(await look(page, name, view)))
  }
  await page.context().close()
  return [...wrong, ...page.faults]
}

for (const view of views)
  test(`what help desk, auditor, owner and person see is found good (${view.name ? 'phone, dark' : 'desktop, light'})`, async () => {
    const typed = 'long-enough-for-all-1'
    for (const username of [made.person, 'lroy', 'gek'])
      await setPassword(master.db, me, (await userByUsername(master.db, username)).id, typed, { mustChange: false })
    const due = (await userByUsername(master.db, 'oq')).id
    await setPassword(master.db, me, due, typed, { mustChange: true })
    assert.deepEqual(
      [
        ...(await tour(
          master,
          made.person,
          typed,
          [
            ['helpdesk-home', '/'],
            ['helpdesk-user', '/users/gek'],
            ['helpdesk-password', '/users/gek/password'],
            ['helpdesk-group', '/groups/europe'],
            ['not-allowed', '/audit'],
          ],
          view,
        )),
        ...(await tour(
          master,
          'lroy',
          typed,
          [
            ['auditor-mode', '/mode'],
            ['auditor-user', '/users/gek'],
            ['auditor-settings', '/settings'],
          ],
          view,
        )),
        ...(await tour(
          master,
          'gek',
          typed,
          [
            ['person-account', '/account'],
            ['person-not-allowed', '/users'],
          ],
          view,
        )),
        ...(await tour(master, 'oq', typed, [['new-password', '/account']], view)),
      ],
      [],
    )
  })

test('a node with nobody but its administrator, and one that waits to be set up, are found good', async () => {
  const alone = await startNode()
  const fresh = await startNode()
  await setUpOwn(alone.db, me, {
    mode: 'standalone',
    domain: 'example.lan',
    admin: 'admin',
    password,
    name: 'alone.example.lan',
  })
  const wrong: string[] = []
  // A desktop comes last: there the node joins.
  for (const view of [...views].reverse()) {
    wrong.push(
      ...(await tour(
        alone,
        'admin',
        password,
        [
          ['empty-home', '/'],
          ['empty-users', '/users'],
          ['empty-bin', '/bin'],
          ['empty-profiles', '/profiles'],
          ['empty-clients', '/clients'],
          ['empty-windows', '/windows'],
          ['empty-computers', '/windows/computers'],
          ['empty-tokens', '/tokens'],
          ['empty-plugin', '/plugins/ftp'],
          ['empty-devices', '/devices'],
          ['empty-mode', '/mode'],
        ],
        view,
      )),
    )
    const page = await openPage(browser, view.options)
    const setUp = async (name: string) => wrong.push(...(await look(page, name, view)))
    await page.goto(urlOf(fresh))
    await page.getByLabel('One-time code').fill('AAAA')
    await page.getByRole('button', { name: 'Claim this node' }).click()
    await page.getByText('This is not the code.').waitFor()
    await setUp('setup-claim')
    await page.getByLabel('One-time code').fill(readFileSync(join(fresh.dir, 'claim-code'), 'utf8').trim())
    await page.getByRole('button', { name: 'Claim this node' }).click()
    await page.getByRole('heading', { name: 'What will this node be?' }).waitFor()
    await setUp('setup-mode')
    await page.goto(`${urlOf(fresh)}/setup/details?mode=master`)
    await page.getByRole('button', { name: 'Set up as master' }).click()
    await page.getByText('5 fields have problems.').waitFor()
    await setUp('setup-master')
    await page.goto(`${urlOf(fresh)}/setup/details?mode=slave`)
    await page.getByLabel('Master’s address').fill('nowhere.invalid')
    await page.getByLabel('Synchronization Key').fill('ask1-zz')
    await page.getByRole('button', { name: 'Join the master' }).click()
    await page.getByText('Not joined: one field has a problem.').waitFor()
    await setUp('setup-slave')
    if (view === views[0]) {
      await page.getByLabel('Master’s address').fill(`127.0.0.1:${master.ports().sync}`)
      await page.getByLabel('Synchronization Key').fill(await synchronizationKey(master.db))
      await page.getByLabel('Name of this node').fill('gw-lagos')
      await page.getByRole('button', { name: 'Join the master' }).click()
      await page.getByText(/Both nodes computed the same state hash/).waitFor()
      await setUp('setup-joined')
    }
    wrong.push(...page.faults)
    await page.context().close()
  }
  await alone.close()
  await fresh.close()
  assert.deepEqual(wrong, [])
})

test('who is not signed in, has a wrong password or a used link is told in pages that are found good', async () => {
  const { path } = await inviteUser(master.db, me, (await userByUsername(master.db, 'aek')).id)
  const wrong: string[] = []
  for (const view of views) {
    const page = await openPage(browser, view.options)
    await page.goto(on('/login?ended=1'))
    await page.getByText('You were signed out, so nothing was saved.').waitFor()
    wrong.push(...(await look(page, 'sign-in-ended', view)))
    await page.getByLabel('Username').fill('aek')
    await page.getByLabel('Password', { exact: true }).fill('not it')
    await page.getByText('Forgotten password?').click()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Username and password do not match.').waitFor()
    wrong.push(...(await look(page, 'sign-in-wrong', view)))
    await page.goto(`${urlOf(slave)}${path}`)
    wrong.push(...(await look(page, 'welcome-slave', view)))
    await page.goto(on('/welcome/used'))
    wrong.push(...(await look(page, 'welcome-used', view)), ...page.faults)
    await page.context().close()
  }
  assert.deepEqual(wrong, [])
})

test('a slave whose master is away is found good', async () => {
  const gone = await startMaster()
  const left = await startSlave(gone, 'gw-lagos')
  await gone.stop()
  await until(() => workerOf(left.db)?.line.reachable === false, 20_000)
  const paths: [string, string][] = [
    ['away-home', '/'],
    ['away-users', '/users'],
    ['away-mode', '/mode'],
    ['away-account', '/account'],
  ]
  const wrong: string[] = []
  for (const view of views) wrong.push(...(await tour(left, 'admin', password, paths, view)))
  await left.close()
  await gone.close()
  assert.deepEqual(wrong, [])
})
