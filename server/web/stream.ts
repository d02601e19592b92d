import type { Response } from 'express'

/** Sends text as it comes, no faster than it is taken. */
export async function sendText(res: Response, parts: AsyncIterable<string>): Promise<void> {
  for await (const text of parts) {
    if (!res.write(text)) await new Promise((resolve) => res.once('drain', resolve).once('close', resolve))
    if (res.destroyed) return
  }
  res.end()
}
