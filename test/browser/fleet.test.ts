import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { userByUsername } from '../../server/accounts/users.ts'
import { joinMaster } from '../../server/replication/join.ts'
import { workerOf } from '../../server/replication/serving.ts'
import { caughtUp, startMaster, startNode, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, me, password } from '../support/people.ts'
import { type Looked, launch, openPage, signIn } from './chromium.ts'

// What an administrator does with a fleet, in a browser, against three nodes.

const chosen = 'quite-another-one-9'
let browser: Browser
let master: TestNode
let malmo: TestNode
let lagos: TestNode
const joined: TestNode[] = []
let page: Looked

const urlOf = (node: TestNode): string => `http://127.0.0.1:${node.ports().web}`

before(async () => {
  browser = await launch()
  master = await startMaster()
  for (const username of ['anna', 'bruno'])
    await aUser(master.db, { username, first: username, last: 'Berg', password, mustChange: false })
  malmo = await startSlave(master, 'gw-malmo')
  lagos = await startSlave(master, 'gw-lagos')
  page = await openPage(browser)
  await signIn(page, urlOf(master), 'admin', password)
})
after(async () => {
  await browser?.close()
  for (const node of [malmo, lagos, ...joined]) await node?.close()
  await master?.close()
})

test('a receipt counts on by itself while a slave that was away comes back', async () => {
  await workerOf(lagos.db)?.stop()
  await page.goto(`${urlOf(master)}/users/anna`)
  await page.getByRole('button', { name: 'Disable' }).click()
  await page.locator('.receipt-count', { hasText: '1 of 2 nodes confirmed' }).waitFor()
  workerOf(lagos.db)?.start()
  await page.locator('.receipt-count', { hasText: '2 of 2 nodes confirmed' }).waitFor()
  await page.getByRole('link', { name: 'Close', exact: true }).click()
  await page.getByRole('link', { name: '2 of 2 nodes' }).click()
  await page.getByRole('heading', { name: 'Who has confirmed' }).waitFor()
  await page.goto(`${urlOf(master)}/audit`)
  await page.getByText('2 of 2 nodes confirmed: Disabled anna Berg').waitFor()
})

test('a row of the fleet opens with the keyboard, and stays open while the page goes on', async () => {
  await page.goto(`${urlOf(master)}/devices`)
  await page.getByRole('link', { name: 'Open gw-malmo' }).press('Enter')
  await page.getByText('Equal to this node.').waitFor()
  await aUser(master.db, { username: 'later' })
  await page.getByText(`Equal at ${master.db.position.seq}`).first().waitFor()
  await page.getByText('Equal to this node.').waitFor()
  assert.equal(await page.getByRole('link', { name: 'Close gw-malmo' }).getAttribute('aria-expanded'), 'true')
})

test('a join code is made, used, and the page sees the slave come', async () => {
  await page.getByRole('link', { name: 'Join a slave' }).click()
  await page.getByLabel('Name of the new node').fill('gw-osaka')
  await page.getByRole('button', { name: 'Make a join code' }).click()
  const code = (await page.locator('#join-code').textContent()) ?? ''
  await page.getByText('Waiting for gw-osaka').waitFor()
  const node = await startNode()
  joined.push(node)
  await joinMaster(node.db, me, { master: `127.0.0.1:${master.ports().sync}`, key: code, name: 'gw-osaka' })
  await page.getByText('gw-osaka is equal to this node').waitFor()
})

test('somebody at a branch sets a new password there', async () => {
  const branch = await openPage(browser)
  await signIn(branch, urlOf(malmo), 'bruno', password)
  await branch.goto(`${urlOf(malmo)}/account`)
  await branch.getByLabel('The password you have now').fill(password)
  await branch.getByLabel('New password', { exact: true }).fill(chosen)
  await branch.getByLabel('The same again').fill(chosen)
  await branch.getByRole('button', { name: 'Change password' }).click()
  await branch.getByText('Your password is changed.').waitFor()
  await signIn(await openPage(browser), urlOf(lagos), 'bruno', chosen)
  assert.deepEqual(branch.faults, [])
})

test('a gateway that is stolen is cut off, and whose secrets it held set new passwords', async () => {
  await page.goto(`${urlOf(master)}/devices`)
  await page.getByRole('link', { name: 'Open gw-lagos' }).click()
  await page.getByRole('link', { name: 'Stolen gateway…' }).click()
  await page.getByText('passwords it holds as hashes').waitFor()
  await page.getByLabel('Type gw-lagos to confirm').fill('gw-lagos')
  await page.getByRole('button', { name: /^Cut it off/ }).click()
  // Whoever did it is among them.
  await page.getByRole('heading', { name: /Set a new password/ }).waitFor()
  await page.getByLabel('New password', { exact: true }).fill(chosen)
  await page.getByLabel('The same again').fill(chosen)
  await page.getByRole('button', { name: 'Set my password' }).click()
  await until(async () => (await userByUsername(master.db, 'bruno')).mustChange === true)
  await page.goto(`${urlOf(master)}/devices/${lagos.db.local.deviceId}/stolen`)
  await page.getByRole('heading', { name: /^1 of 3 people has a new password/ }).waitFor()
  await caughtUp(malmo, master)
  await until(() => workerOf(lagos.db)?.line.stopped === true)
  assert.deepEqual(page.faults, [])
})
