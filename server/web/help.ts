import type { Request, Response } from 'express'
import { render } from './render.ts'

/** What the keyboard does; with scripts, `?` opens the same as a dialog. */
export async function showKeys(req: Request, res: Response): Promise<void> {
  await render(req, res, 'help/keys', {}, { part: 'help/_keys' })
}
