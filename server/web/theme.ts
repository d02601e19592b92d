import type { Request, Response } from 'express'
import { formOf } from './form.ts'
import { nodeOf } from './node.ts'
import { safePath } from './sign-in.ts'

/** Light or dark, kept on this browser for a year. */
export function saveTheme(req: Request, res: Response): void {
  const form = formOf(req)
  const theme = form.text('theme')
  const options = { path: '/', sameSite: 'lax', secure: nodeOf(req).secure } as const
  if (theme === 'light' || theme === 'dark') res.cookie('theme', theme, { ...options, maxAge: 365 * 86_400_000 })
  else res.clearCookie('theme', options)
  res.redirect(303, safePath(form.text('back')))
}
