import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startMaster, type TestNode } from '../support/node.ts'
import { aUser, password } from '../support/people.ts'
import { findings, launch, openPage, sideways, signIn } from './chromium.ts'

let master: TestNode
let browser: Browser
let page: Page & { faults: string[] }
let url: string

before(async () => {
  ;[master, browser] = await Promise.all([startMaster(), launch()])
  url = `http://127.0.0.1:${master.ports().web}`
  await aUser(master.db, { username: 'freja', first: 'Freja', last: 'Nyström' })
  page = await openPage(browser)
  await signIn(page, url, 'admin', password)
})
after(async () => {
  await browser?.close()
  await master?.close()
})

test('? lists the keys in a dialog that holds the focus and gives it back; g and a letter go', async () => {
  await page.goto(`${url}/users`)
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Close')
  assert.deepEqual(await findings(page), [])
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('dialog').count(), 0)
  await page.keyboard.press('g')
  await page.keyboard.press('a')
  await page.waitForURL('**/audit')
})

test('a saved change is undone from its note', async () => {
  await page.goto(`${url}/users/freja`)
  await page.getByLabel('First name').fill('Frida')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.getByRole('button', { name: 'Undo' }).waitFor()
  assert.deepEqual(await findings(page), [])
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByText('Undone: Changed Frida').waitFor()
  assert.equal(await page.getByLabel('First name').inputValue(), 'Freja')
})

test('what was typed is not left by accident', async () => {
  const other = await openPage(browser, { storageState: await page.context().storageState() })
  let asked = 0
  other.on('dialog', (dialog) => {
    asked++
    void dialog.accept()
  })
  for (const [path, label] of [
    ['/groups/new', 'Group name'],
    ['/settings', 'Days in the recycle bin'],
  ] as const) {
    await other.goto(url + path)
    await other.getByLabel(label).click()
    await other.getByLabel(label).fill('77')
    await other.goto(`${url}/users`)
  }
  assert.equal(asked, 2)
  await other.goto(`${url}/groups/new`)
  await other.goto(`${url}/users`)
  assert.equal(asked, 2)
  await other.context().close()
})

test('home, audit and settings fit a phone, light and dark, without a finding and without moving', async () => {
  const storageState = await page.context().storageState()
  for (const colorScheme of ['light', 'dark'] as const) {
    const phone = await openPage(browser, { storageState, colorScheme, viewport: { width: 390, height: 844 } })
    await phone.addInitScript(
      'moved = 0; new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) moved += one.value }).observe({ type: "layout-shift", buffered: true })',
    )
    for (const path of ['/', '/audit', '/audit?search=nothing-like-it', '/settings', '/help/keys']) {
      await phone.goto(url + path)
      await phone.waitForLoadState('networkidle')
      assert.deepEqual(await findings(phone), [], `${colorScheme} ${path}`)
      assert.equal(await sideways(phone), 0, path)
      assert.ok(Number(await phone.evaluate('moved')) < 0.05, `${path} moves while it loads`)
    }
    assert.deepEqual(phone.faults, [])
    await phone.context().close()
  }
  assert.deepEqual(page.faults, [])
})

test('an open row of the record shows before and after, and the list is narrowed while one types', async () => {
  await page.goto(`${url}/audit`)
  await page.getByLabel('Search the record').fill('frida')
  await page.waitForURL('**/audit?search=frida')
  await page.getByText('1 field').first().click()
  await page.getByRole('cell', { name: 'Frida' }).first().waitFor()
  const address = await page.getByRole('link', { name: /Export/ }).getAttribute('href')
  assert.match(address ?? '', /\/audit\/export\?search=frida$/)
  assert.deepEqual(await findings(page), [])
})
