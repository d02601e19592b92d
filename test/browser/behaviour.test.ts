import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { countUsers, userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp } from '../support/web.ts'
import { type Looked, launch, moves, openPage, signIn, watchMoves } from './chromium.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let server: Server
let browser: Browser
let page: Looked
let url = ''

before(async () => {
  store = await aMasterStore()
  for (const name of ['europe', 'asia']) await addGroup(store.db, me, { name, description: '' })
  await aUser(store.db, { username: 'aek', first: 'Åsa', last: 'Ek', groups: ['europe'] })
  await aUser(store.db, { username: 'lroy', first: 'Liam', last: 'Roy' })
  server = createServer(await aWebApp(store.db)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  browser = await launch()
  page = await openPage(browser)
  await signIn(page, url, 'admin', password)
})
after(async () => {
  await browser?.close()
  server?.closeAllConnections()
  server?.close()
  await store?.close()
})

/** Another window of the same person, which counts how often it was asked whether to leave. */
async function another(): Promise<Looked & { asked: () => number }> {
  const other = await openPage(browser, { storageState: await page.context().storageState() })
  let asked = 0
  other.on('dialog', (dialog) => {
    asked++
    void dialog.accept()
  })
  return Object.assign(other, { asked: () => asked })
}

const focused = (what: string): Promise<string> => page.evaluate(`document.activeElement.${what}`)

test('j and k take the focus along, Enter opens where it is, and / comes from anywhere', async () => {
  await page.goto(`${url}/users`)
  await page.keyboard.press('j')
  const first = await focused('textContent')
  await page.keyboard.press('j')
  assert.notEqual(await focused('textContent'), first)
  await page.keyboard.press('k')
  assert.equal(await focused('textContent'), first)
  assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none')
  await page.keyboard.press('/')
  assert.equal(await focused('id'), 'search')
  await page.keyboard.type('liam')
  await page.waitForURL('**/users?search=liam')
  await page.keyboard.press('Enter')
  await page.locator('tbody a:focus', { hasText: 'Roy, Liam' }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  await page.waitForURL(`${url}/users`)
  assert.equal(await page.getByLabel('Search users').inputValue(), '')
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/users/*')
})

test('the list of keys gives the focus back to where it was opened', async () => {
  await page.goto(`${url}/users`)
  await page.locator('.me summary').click()
  await page.getByRole('link', { name: 'Keyboard' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  for (let n = 0; n < 3; n++) {
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.closest(".frame") === null'), true)
  }
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.match(await focused('textContent'), /Keyboard/)
})

test('the first Tab skips to the page', async () => {
  await page.goto(`${url}/users`)
  await page.keyboard.press('Tab')
  assert.equal(await focused('textContent'), 'Skip to the page')
  await page.keyboard.press('Enter')
  assert.equal(await focused('id'), 'main')
})

test('Ctrl S saves the form of the page, else the one that is typed into, and never one that removes', async () => {
  await page.goto(`${url}/groups/europe`)
  await page.getByLabel('Description').fill('All sites in Europe')
  await page.keyboard.press('Control+s')
  await page.getByText('Group europe is saved.').waitFor()
  await page.goto(`${url}/clients`)
  await page.getByLabel('Name').fill('squid')
  await page.keyboard.press('Control+s')
  await page.getByText('squid was added').waitFor()
  await page.goto(`${url}/clients/squid/remove`)
  await page.keyboard.press('Control+s')
  await page.goto(`${url}/clients`)
  await page.getByText('cn=squid,').waitFor()
})

test('what is typed about a group and its members are saved by one button, and none of it is lost', async () => {
  const other = await another()
  await other.goto(`${url}/groups/europe`)
  await other.getByLabel('Description').fill('Europe')
  await other.getByRole('button', { name: 'Take Åsa Ek out' }).click()
  await other.getByText('2 unsaved changes: Description, take out Åsa Ek').waitFor()
  await other.goto(`${url}/groups`)
  assert.equal(other.asked(), 1)
  await other.goto(`${url}/groups/europe`)
  await other.getByLabel('Description').fill('Europe')
  await other.getByLabel('Group name').fill('With space')
  await other.getByRole('button', { name: 'Take Åsa Ek out' }).click()
  await other.getByRole('button', { name: 'Save changes' }).click()
  await other.getByText('Not saved: one field has a problem.').waitFor()
  await other.getByText(/unsaved changes: .*take out aek/).waitFor()
  await other.getByLabel('Group name').fill('europe')
  await other.getByRole('button', { name: 'Save changes' }).click()
  await other.getByText('Group europe is saved: 1 person taken out.').waitFor()
  assert.equal((await groupByName(store.db, 'europe')).description, 'Europe')
  assert.deepEqual((await userByUsername(store.db, 'aek')).groups, [])
  await other.getByRole('button', { name: 'Undo' }).click()
  await other.getByText('2 changes undone.').waitFor()
  assert.equal(other.asked(), 1)
  await other.context().close()
})

test('Back, a link and a button that saves something else all ask before typed words are lost', async () => {
  const other = await another()
  await other.goto(`${url}/users`)
  const leave = [
    () => other.goBack(),
    () => other.getByRole('link', { name: 'Groups', exact: false }).first().click(),
    () => other.getByRole('button', { name: 'Lock' }).click(),
  ]
  for (const [index, go] of leave.entries()) {
    await other.goto(`${url}/users/lroy`)
    await other.getByLabel('Title').fill(`Lead ${index}`)
    await go()
    await other.waitForLoadState()
    assert.equal(other.asked(), index + 1)
  }
  await other.context().close()
})

test('what is typed as soon as a list is there is searched for', async () => {
  // Whether a key comes before htmx has begun is a matter of luck.
  for (let i = 0; i < 10; i++) {
    await page.goto(`${url}/users`)
    await page.keyboard.press('/')
    await page.keyboard.type('liam')
    await page.waitForURL('**/users?search=liam')
  }
})

test('a second press on a button does not do it twice', async () => {
  const before = await countUsers(store.db)
  await page.goto(`${url}/users/new`)
  await page.getByLabel('Username').fill('once')
  await page.getByLabel('First name').fill('Only')
  await page.getByLabel('Last name').fill('Once')
  let sent = 0
  await page.route('**/users/new', async (route) => {
    if (route.request().method() === 'POST') sent++
    await new Promise((resolve) => setTimeout(resolve, 300))
    await route.continue()
  })
  await page.getByRole('button', { name: 'Add user' }).dblclick()
  await page.getByText('Only Once was added.').waitFor()
  await page.unroute('**/users/new')
  assert.equal(sent, 1)
  assert.equal(await countUsers(store.db), before + 1)
})

test('a search stays in the address: Back, forward and reload bring it again as a whole page', async () => {
  await page.goto(`${url}/users`)
  await page.getByLabel('Search users').fill('liam')
  await page.waitForURL('**/users?search=liam')
  await page.getByText('1–1 of 1').first().waitFor()
  await page.reload()
  assert.equal(await page.getByLabel('Search users').inputValue(), 'liam')
  await page.getByRole('link', { name: 'Roy, Liam' }).click()
  await page.waitForURL('**/users/lroy')
  await page.goBack()
  await page.waitForURL('**/users?search=liam')
  assert.equal(await page.locator('tbody tr').count(), 1)
  assert.equal(await page.getByRole('navigation', { name: 'Main menu' }).count(), 1)
  await page.goForward()
  await page.getByRole('heading', { name: 'Liam Roy' }).waitFor()
})

test('a session that ends in the middle of a search or a form leads back to where it was, and says what was not saved', async () => {
  const other = await openPage(browser)
  await signIn(other, url, 'admin', password)
  await other.goto(`${url}/users?group=europe`)
  await other.context().clearCookies()
  await other.getByLabel('Search users').fill('liam')
  await other.waitForURL('**/login?next=**')
  await signInHere(other)
  await other.waitForURL(`${url}/users?group=europe`)
  await other.goto(`${url}/users/lroy`)
  await other.getByLabel('Title').fill('Never saved')
  await other.context().clearCookies()
  await other.getByRole('button', { name: 'Save changes' }).click()
  await other.getByText('You were signed out, so nothing was saved.').waitFor()
  await signInHere(other)
  await other.waitForURL(`${url}/users/lroy`)
  await other.context().close()
})

async function signInHere(other: Looked): Promise<void> {
  await other.getByLabel('Username').fill('admin')
  await other.getByLabel('Password', { exact: true }).fill(password)
  await other.getByRole('button', { name: 'Sign in' }).click()
}

test('a node that does not answer a search is said, until it answers again', async () => {
  const other = await another()
  await other.goto(`${url}/users`)
  await other.route('**/users?*', (route) => route.abort())
  await other.getByLabel('Search users').fill('liam')
  await other.getByText('This node does not answer.').waitFor()
  await other.unroute('**/users?*')
  await other.getByLabel('Search users').fill('åsa')
  await other.getByText('This node does not answer.').waitFor({ state: 'hidden' })
  await other.context().close()
})

test('nothing moves while a list is searched, ticked and cleared', async () => {
  const other = await another()
  await watchMoves(other)
  await other.goto(`${url}/users`)
  await other.getByLabel('Select Liam Roy').check()
  await other.getByText('1 selected').waitFor()
  await other.keyboard.press('Escape')
  await other.getByText('Nobody selected').waitFor()
  await other.getByLabel('Search users').fill('liam')
  await other.getByText('1–1 of 1').first().waitFor()
  assert.deepEqual(await moves(other), [])
  await other.context().close()
})

test('the menu of who is signed in opens where it can be seen, and closes with Escape and a press beside it', async () => {
  await page.setViewportSize({ width: 1280, height: 620 })
  await page.goto(`${url}/users`)
  const account = page.getByRole('link', { name: 'Your account' })
  for (const close of [
    () => page.keyboard.press('Escape'),
    () => page.getByRole('heading', { name: 'Users' }).click(),
  ]) {
    await page.locator('.me summary').click()
    const box = await account.boundingBox()
    assert.ok(box && box.y > 0 && box.y + box.height < 620)
    await close()
    await account.waitFor({ state: 'hidden' })
  }
  assert.deepEqual(page.faults, [])
})
