import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { endProcess, type NodeProcess, startProcess } from '../support/process.ts'
import { findings, launch, openPage, signIn } from './chromium.ts'

const password = 'correct horse 1'
let browser: Browser
let master: NodeProcess
let slave: NodeProcess
let page: Page & { faults: string[] }

const urlOf = (node: NodeProcess): string => `http://127.0.0.1:${node.ports.web}`

before(async () => {
  browser = await launch()
  ;[master, slave] = await Promise.all([startProcess(), startProcess()])
  page = await openPage(browser)
})
after(async () => {
  await browser?.close()
  for (const node of [slave, master]) {
    if (!node) continue
    await endProcess(node)
    rmSync(node.dir, { recursive: true, force: true })
  }
})

/** Types the one-time code that the node keeps in its directory, and chooses a mode. */
async function claimAs(node: NodeProcess, mode: 'Master' | 'Slave'): Promise<void> {
  await page.goto(urlOf(node))
  await page.getByLabel('One-time code').fill(readFileSync(join(node.dir, 'claim-code'), 'utf8').trim())
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Claim this node' }).click()
  await page.getByRole('radio', { name: mode, exact: true }).check()
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: `Continue as ${mode.toLowerCase()}` }).click()
}

let key = ''

test('a fresh node becomes a master in the browser, and shows its Device ID and key', async () => {
  await claimAs(master, 'Master')
  await page.getByLabel('Base domain').fill('example.lan')
  await page.getByLabel('Name of this node').fill('master.example.lan')
  await page.getByLabel('Username').fill('onguyen')
  await page.getByLabel('First name').fill('Olivia')
  await page.getByLabel('Last name').fill('Nguyen')
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByLabel('The same again').fill(password)
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Set up as master' }).click()
  await page.waitForURL('**/setup/done')
  key = ((await page.locator('#the-key').textContent()) ?? '').trim()
  assert.match(key, /^ask1-/)
  assert.match(await page.getByLabel('Device ID').inputValue(), /^D-/)
  assert.deepEqual(await findings(page), [])
})

test('another node joins it as a slave, with the steps to watch', async () => {
  await claimAs(slave, 'Slave')
  await page.getByLabel('Master’s address').fill(`127.0.0.1:${master.ports.sync}`)
  await page.getByLabel('Synchronization Key').fill(key)
  await page.getByLabel('Name of this node').fill('gw-malmo')
  assert.ok(await page.getByRole('checkbox', { name: /Receive files that are meant for this node/ }).isChecked())
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Join the master' }).click()
  await page.waitForURL('**/setup/done')
  await page.getByRole('heading', { name: 'gw-malmo is a slave of master.example.lan' }).waitFor()
  await page.getByText(/Equal to the master at change \d+/).waitFor()
  await page.getByText(`File sets that are meant for this node are placed in ${join(slave.dir, 'files')}`).waitFor()
  assert.deepEqual(await findings(page), [])
})

test('a user who is added on the master is seen on the slave', async () => {
  await signIn(page, urlOf(master), 'onguyen', password)
  await page.getByRole('link', { name: 'Add user' }).click()
  await page.getByLabel('Username').fill('fnystrom')
  await page.getByLabel('First name').fill('Freja')
  await page.getByLabel('Last name').fill('Nyström')
  await page.getByLabel('Password', { exact: true }).fill('freja and a sentence')
  await page.getByLabel('The same again').fill('freja and a sentence')
  await page.getByRole('switch', { name: /FTP Server/ }).check()
  await page.getByLabel('Telephone number').fill('12 #3')
  await page.getByRole('button', { name: 'Add user' }).click()
  await page.getByText('Not added: one field has a problem.').waitFor()
  assert.equal(await page.getByLabel('Username').inputValue(), 'fnystrom')
  await page.getByLabel('Telephone number').fill('+46 40 555 7260')
  await page.getByLabel('Password', { exact: true }).fill('freja and a sentence')
  await page.getByLabel('The same again').fill('freja and a sentence')
  await page.getByRole('button', { name: 'Add user' }).click()
  await page.waitForURL('**/users/fnystrom')
  await page.getByText('Freja Nyström was added.').waitFor()

  const there = await openPage(browser)
  await signIn(there, urlOf(slave), 'onguyen', password)
  await there.getByRole('link', { name: /^Users/ }).click()
  await there.getByRole('link', { name: 'Nyström, Freja' }).click()
  await there.getByText('This node is a slave of master.example.lan.').waitFor()
  assert.equal(await there.getByLabel('Telephone number').inputValue(), '+46 40 555 7260')
  assert.equal(await there.getByRole('button', { name: /Save|Lock|Disable/ }).count(), 0)
  assert.deepEqual(await findings(there), [])
  await there.context().close()
})

test('the search narrows the list while it is typed, and the address says what is searched', async () => {
  await page.goto(`${urlOf(master)}/users`)
  await page.keyboard.press('/')
  await page.keyboard.type('freja')
  await page.waitForURL('**/users?search=freja')
  await page.getByText('1–1 of 1').first().waitFor()
  assert.equal(await page.getByRole('link', { name: 'Nguyen, Olivia' }).count(), 0)
  assert.equal(await page.evaluate('document.activeElement.id'), 'search')
})

test('the keyboard moves, selects and clears, and the bar counts', async () => {
  await page.goto(`${urlOf(master)}/users`)
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.getByText('1 selected').waitFor()
  assert.deepEqual(await findings(page), [])
  await page.keyboard.press('Escape')
  await page.getByText('Nobody selected').waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL('**/users/*')
})

test('the save bar names what is changed, and Ctrl S saves it', async () => {
  await page.goto(`${urlOf(master)}/users/fnystrom`)
  await page.getByLabel('Title').fill('Operations lead')
  await page.getByRole('switch', { name: /PPTP Server/ }).check()
  await page.getByText('2 unsaved changes: PPTP Server, Title').waitFor()
  assert.deepEqual(await findings(page), [])
  await page.keyboard.press('Control+s')
  await page.getByText('Freja Nyström is saved.').waitFor()
  assert.equal(await page.getByLabel('Title').inputValue(), 'Operations lead')
})

test('on a phone the menu opens and closes', async () => {
  const phone = await openPage(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  await signIn(phone, urlOf(master), 'onguyen', password)
  await phone.goto(`${urlOf(master)}/users`)
  await phone.getByRole('link', { name: 'Open the menu' }).click()
  await phone.getByRole('navigation', { name: 'Main menu' }).getByRole('link', { name: 'Groups' }).click()
  await phone.waitForURL('**/groups')
  await phone.context().close()
})

test('signing in on one node of a host does not sign out of another', async () => {
  const both = await openPage(browser)
  await signIn(both, urlOf(master), 'onguyen', password)
  await signIn(both, urlOf(slave), 'onguyen', password)
  await both.goto(`${urlOf(master)}/users`)
  await both.getByRole('heading', { name: 'Users' }).waitFor()
  await both.context().close()
})

test('without scripts a person is found, locked and unlocked', async () => {
  const plain = await openPage(browser, { javaScriptEnabled: false })
  await signIn(plain, urlOf(master), 'onguyen', password)
  await plain.goto(`${urlOf(master)}/users`)
  await plain.getByLabel('Search users').fill('freja')
  await plain.getByRole('button', { name: 'Search' }).click()
  await plain.getByLabel('Select Freja Nyström').check()
  await plain.getByRole('button', { name: 'Lock', exact: true }).click()
  await plain.getByText('1 person locked.').waitFor()
  await plain.getByLabel('Select Freja Nyström').check()
  await plain.getByRole('button', { name: 'Unlock' }).click()
  await plain.getByText('1 person unlocked.').waitFor()
  await plain.context().close()
})

test('the devices page shows the slave away and equal again without being loaded anew', async () => {
  await page.goto(`${urlOf(master)}/devices`)
  await page.getByText('Equal', { exact: true }).first().waitFor()
  await endProcess(slave, 'SIGKILL')
  await page.getByText('Away', { exact: true }).first().waitFor({ timeout: 40_000 })
  slave = await startProcess(slave.dir)
  await page.getByText('Equal', { exact: true }).first().waitFor({ timeout: 40_000 })
  assert.deepEqual(page.faults, [])
})
