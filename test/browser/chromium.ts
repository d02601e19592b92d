import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The system's Chromium; CHROMIUM names another. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--headless', '--disable-gpu'],
  })

/** A phone in the hand. */
export const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

/** A page that remembers what went wrong in it: errors of scripts, and what the Content Security Policy stopped. */
export type Looked = Page & { faults: string[] }

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Looked> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`))
  page.on('console', (message) => {
    // A browser notes every answer of 4xx; the pages of them are looked at themselves.
    const isStatus = /Failed to load resource: the server responded with a status of 4/.test(message.text())
    if (['error', 'warning'].includes(message.type()) && !isStatus) faults.push(`${page.url()}: ${message.text()}`)
  })
  page.setDefaultTimeout(15_000)
  return Object.assign(page, { faults })
}

// Text and not functions: what runs in the page has another world of types than the tests.
const runAxe = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => location.pathname + ' ' + id + ': ' + nodes.map((node) => node.target.join(' ')).join(', ')))`

/** What axe-core finds, one line each. Evaluated, not added as a script: the policy of the page would stop that. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axeSource)
  return page.evaluate(runAxe)
}

/** How far the page can be scrolled sideways, in pixels. */
export const sideways = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

const markup = `(() => {
  const wrong = []
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push('two elements have the id ' + id)
  for (const name of ['for', 'aria-labelledby', 'aria-describedby', 'form'])
    for (const element of document.querySelectorAll('[' + name + ']'))
      for (const id of element.getAttribute(name).split(' '))
        if (!document.getElementById(id)) wrong.push(name + ' names ' + id + ', which is not there')
  for (const { hash } of document.querySelectorAll('a[href^="#"]'))
    if (!document.querySelector(hash)) wrong.push('a link leads to ' + hash + ', which is not there')
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(({ tagName }) => Number(tagName[1]))
  if (levels.filter((level) => level === 1).length !== 1) wrong.push('there is not one h1')
  levels.forEach((level, at) => at > 0 && level > levels[at - 1] + 1 && wrong.push('h' + level + ' comes after h' + levels[at - 1]))
  if (document.querySelector('style, script:not([src])')) wrong.push('a style or a script stands in the page')
  for (const element of document.querySelectorAll('*'))
    for (const { name } of element.attributes)
      if (/^(style|on.+|hx-on.*)$/.test(name)) wrong.push(element.tagName + ' has ' + name)
  return wrong.map((text) => location.pathname + ' ' + text)
})()`

/** What is wrong with the page itself: ids, labels, links within it, the order of headings, anything inline. */
export const flaws = (page: Page): Promise<string[]> => page.evaluate(markup)

// Links in running text are as high as their line; a row that opens as a whole needs no larger link.
const reach = `(() => {
  const pressed = 'a[href], button, input:not([type=hidden]), select, textarea, summary'
  const isSeen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.visually-hidden, thead, .skip')
  const isInText = (element) => element.matches('a') && element.parentElement.textContent.trim().length > element.textContent.trim().length + 3
  const height = (element) => {
    const after = getComputedStyle(element, '::after')
    const more = after.content !== 'none' && after.position === 'absolute' ? Number.parseFloat(after.top) + Number.parseFloat(after.bottom) : 0
    return element.getBoundingClientRect().height - more
  }
  return [...document.querySelectorAll(pressed)]
    .map((element) => element.matches('input') ? element.closest('label') ?? element : element)
    .filter((element) => isSeen(element) && !isInText(element) && !element.closest('tr[data-href]')?.contains(element.closest('td:not(.tick, .end)')))
    .filter((element) => height(element) < 43.5)
    .map((element) => location.pathname + ' is only ' + Math.round(height(element)) + ' px high: ' + (element.textContent.trim() || element.ariaLabel || element.name).slice(0, 40))
})()`

/** What a finger would miss. */
export const tooSmall = (page: Page): Promise<string[]> => page.evaluate(reach)

const watch = `moved = []
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries())
    if (!hadRecentInput) moved.push([value, sources.map(({ node }) => node?.nodeName + '.' + node?.className).join(', ')])
}).observe({ type: 'layout-shift', buffered: true })`

/** From now on each document of the page notes what moves in it by itself. */
export const watchMoves = async (page: Page): Promise<void> => {
  await page.addInitScript(watch)
}

/** What moved since the page began to load. */
export async function moves(page: Page): Promise<string[]> {
  const moved: [number, string][] = await page.evaluate('moved')
  const all = moved.reduce((sum, [value]) => sum + value, 0)
  return all < 0.005 ? [] : [`${new URL(page.url()).pathname} moves by ${all.toFixed(3)}: ${moved.map(([, of]) => of)}`]
}

export async function signIn(page: Page, url: string, username: string, password: string): Promise<void> {
  await page.goto(`${url}/login`)
  // Who is signed in already is led on at once.
  if (new URL(page.url()).pathname !== '/login') return
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((address) => address.pathname !== '/login')
}
