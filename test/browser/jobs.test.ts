import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { aUser, password } from '../support/people.ts'
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
  await Promise.all(Array.from({ length: 600 }, (_, n) => aUser(store.db, { username: `crowd${n}` })))
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

test('what is done with very many people shows how far it is, on a phone as well, and ends with its undo', async () => {
  await page.setViewportSize({ width: 390, height: 800 })
  await page.goto(`${url}/users?search=crowd`)
  await page
    .getByRole('checkbox', { name: /^Select Some Body/ })
    .first()
    .check()
  await page.getByLabel('All 600 that match').check()
  await page.getByRole('button', { name: 'Lock', exact: true }).click()
  await page.waitForURL(/\/jobs\//)
  await page.locator('#job progress').waitFor()
  assert.deepEqual(await findings(page), [])
  assert.equal(await sideways(page), 0)
  const job = page.url()
  await page.goto(`${url}/users`)
  await page.getByRole('link', { name: /Watch it|What was done/ }).waitFor()
  assert.deepEqual(await findings(page), [])
  assert.equal(await sideways(page), 0)
  await page.goto(job)
  await page.getByText('600 people locked').waitFor()
  assert.deepEqual(await findings(page), [])
  assert.equal(await sideways(page), 0)
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('heading', { name: 'Undoing 600 changes' }).waitFor()
  await page.getByText('600 changes undone').waitFor()
  assert.deepEqual(page.faults, [])
})
