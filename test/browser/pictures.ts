import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

/** `npm run pictures` names the folder that gets the pictures of all pages. */
const pictures = process.env.PICTURES

export async function take(page: Page, name: string): Promise<void> {
  if (!pictures) return
  mkdirSync(pictures, { recursive: true })
  // As high as the page is, so that bars that stick to an edge stand at the edge of the picture.
  const { width, height } = page.viewportSize() ?? { width: 1280, height: 860 }
  const whole = Number(await page.evaluate('document.documentElement.scrollHeight'))
  await page.setViewportSize({ width, height: Math.min(Math.max(whole, height), 1600) })
  await page.screenshot({ path: join(pictures, `${name}.png`) })
  await page.setViewportSize({ width, height })
}
