import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, groupByName } from '../../server/accounts/groups.ts'
import { addProfile } from '../../server/accounts/profiles.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { aUser, me, password } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp } from '../support/web.ts'
import { findings, launch, openPage, sideways, signIn } from './chromium.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let server: Server
let browser: Browser
let page: Page & { faults: string[] }
let url = ''

before(async () => {
  store = await aMasterStore()
  for (const name of ['europe', 'site_malmo']) await addGroup(store.db, me, { name, description: '' })
  await aUser(store.db, { username: 'aek', first: 'Åsa', last: 'Ek', groups: ['europe'] })
  await aUser(store.db, { username: 'lroy', first: 'Liam', last: 'Roy', groups: ['site_malmo'] })
  for (let i = 0; i < 55; i++) await aUser(store.db, { username: `many${i}`, first: 'Many', last: `Person ${i}` })
  const { id } = await groupByName(store.db, 'europe')
  await addMembers(store.db, me, id, { groups: ['site_malmo'] })
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

const inEurope = async (username: string): Promise<boolean> =>
  (await userByUsername(store.db, username)).groups.includes((await groupByName(store.db, 'europe')).id)

test('members wait, marked, until all of it is saved; a nested group opens in place', async () => {
  await page.goto(`${url}/groups/europe`)
  await page.getByRole('button', { name: 'Take Åsa Ek out' }).click()
  await page.getByLabel('Add people or groups').fill('many1')
  await page.getByRole('button', { name: 'Add Many Person 11', exact: true }).click()
  await page.locator('.nested-group summary').click()
  await page.getByRole('link', { name: 'Roy, Liam' }).waitFor()
  const bar = page.locator('.save-bar')
  assert.match((await bar.textContent()) ?? '', /2 unsaved changes: take out Åsa Ek, add Many Person 11/)
  assert.equal(await inEurope('aek'), true)
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Put back Many Person 11' }).first().click()
  assert.match((await bar.textContent()) ?? '', /1 unsaved change/)
  await page.getByRole('button', { name: 'Add Many Person 11', exact: true }).click()
  await page.getByRole('button', { name: /Save changes/ }).click()
  await page.getByText('Group europe is saved: 1 person added, 1 person taken out.').waitFor()
  assert.deepEqual([await inEurope('aek'), await inEurope('many11')], [false, true])
})

test('the picker is worked by keys, and marks what it has found', async () => {
  await page.goto(`${url}/groups/europe`)
  const search = page.getByLabel('Add people or groups')
  await search.fill('mány 2')
  await page.locator('.found li').first().waitFor()
  assert.equal(await page.locator('.found mark').first().textContent(), 'Many')
  await search.press('ArrowDown')
  await search.press('ArrowDown')
  await search.press('ArrowUp')
  assert.deepEqual(await findings(page), [])
  const chosen = await page.locator('.found li.at b').textContent()
  await search.press('Enter')
  const bar = page.locator('.save-bar')
  assert.match((await bar.textContent()) ?? '', new RegExp(`1 unsaved change: add ${chosen}`))
  await search.press('Enter')
  assert.match((await bar.textContent()) ?? '', /Nothing is changed/, 'once more takes it back')
})

test('the bar over the list counts who is ticked, and all that match; the edit is undone from the toast', async () => {
  await page.goto(`${url}/users?search=many`)
  await page.getByLabel('Select Many Person 0', { exact: true }).check()
  await page.locator('.bulk-count', { hasText: '1 selected' }).waitFor()
  await page.getByLabel('All 55 that match').check()
  await page.locator('.bulk-count', { hasText: '55 people selected' }).waitFor()
  await page.getByRole('button', { name: 'Change…' }).click()
  await page.getByLabel('Field 1').selectOption({ label: 'Contact: City' })
  await page.getByLabel('Value 1').fill('Lund')
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Show what would change' }).click()
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Change 55 people' }).click()
  await page.getByText('55 people changed.').waitFor()
  assert.equal((await userByUsername(store.db, 'many54')).extensions.contact?.city, 'Lund')
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.waitForLoadState()
  assert.equal((await userByUsername(store.db, 'many54')).extensions.contact?.city, undefined)
})

test('the menu of a row opens by keys, gives the focus back, and locks without leaving the list', async () => {
  await page.goto(`${url}/users?search=many1`)
  const more = page.getByLabel('More for many10', { exact: true })
  await more.focus()
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'Set a password…' }).waitFor()
  assert.deepEqual(await findings(page), [])
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('link', { name: 'Set a password…' }).isVisible(), false)
  assert.equal(await more.evaluate('document.activeElement.ariaLabel'), 'More for many10')
  await more.click()
  await page.getByLabel('More for many18').click()
  assert.equal(await page.locator('details.menu[open]').count(), 1, 'one at a time')
  await page.locator('details.menu[open]').getByRole('button', { name: 'Lock' }).click()
  await page.getByText('Many Person 18 is locked.').waitFor()
  assert.equal(new URL(page.url()).search, '?search=many1')
})

test('the form says beside each field what a profile will make of the names', async () => {
  await addProfile(store.db, me, { name: 'Staff', extensions: { contact: { mail: '{first}.{last}@example.lan' } } })
  await page.goto(`${url}/users/new`)
  await page.getByLabel('Begin with a profile').selectOption('Staff')
  await page.getByRole('button', { name: 'Use it' }).click()
  await page.getByLabel('Username').fill('fny')
  await page.getByLabel('First name').fill('Freja')
  await page.getByLabel('Last name').fill('Nyström')
  await page.getByText('Becomes freja.nystrom@example.lan').waitFor()
  await page.getByLabel('Generated').check()
  assert.equal(await page.getByLabel('The same again').isVisible(), false)
  await page.getByRole('button', { name: 'Add user' }).click()
  await page.getByText('Freja Nyström was added').waitFor()
  assert.deepEqual(await findings(page), [])
  assert.equal((await userByUsername(store.db, 'fny')).extensions.contact?.mail, 'freja.nystrom@example.lan')
})

test('without scripts each button of a group saves at once, and a phone never scrolls sideways', async () => {
  const phone = { javaScriptEnabled: false, viewport: { width: 390, height: 844 } }
  const plain = await openPage(browser, phone)
  await signIn(plain, url, 'admin', password)
  await plain.goto(`${url}/groups/europe`)
  await plain.getByRole('button', { name: 'Take Many Person 11 out' }).click()
  await plain.getByText('1 person taken out in europe.').waitFor()
  await plain.getByLabel('Add people or groups').fill('asa')
  await plain.getByRole('button', { name: 'Find' }).click()
  await plain.getByRole('button', { name: 'Add Åsa Ek' }).click()
  await plain.getByText('1 person added in europe.').waitFor()
  assert.equal(await inEurope('aek'), true)
  await plain.context().close()
  await page.setViewportSize(phone.viewport)
  for (const path of [
    '/users',
    '/users/aek',
    '/users/new',
    '/groups',
    '/groups/europe?add=a',
    '/profiles/new',
    '/bin',
  ]) {
    await page.goto(url + path)
    assert.equal(await sideways(page), 0, path)
  }
  assert.deepEqual(page.faults, [])
})
