import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

/** `npm run pictures` names the folder that gets the pictures of all pages. */
const pictures = process.env.PICTURES

// Text and not a function: what runs in the page has another world of types than the tests.
const asPackaged = `(() => {
  const folder = /\\/\\S*\\/account-sync-node-\\w+/g
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(folder, '/var/lib/account-sync')
  for (const input of document.querySelectorAll('input')) input.value = input.value.replace(folder, '/var/lib/account-sync')
})()`

/** Keeps a picture of the page. The folder of a test is shown as the one that the packaged service has. */
export async function take(page: Page, name: string): Promise<void> {
  if (!pictures) return
  mkdirSync(pictures, { recursive: true })
  await page.evaluate(asPackaged)
  // As high as the page is, so that bars that stick to an edge stand at the edge of the picture.
  const { width, height } = page.viewportSize() ?? { width: 1280, height: 860 }
  const whole = Number(await page.evaluate('document.documentElement.scrollHeight'))
  await page.setViewportSize({ width, height: Math.min(Math.max(whole, height), 1600) })
  await page.screenshot({ path: join(pictures, `${name}.png`) })
  await page.setViewportSize({ width, height })
}
