import type { Request, Response } from 'express'
import { Unavailable } from '../errors.ts'
import { alertsOf, changeAlerts, hostOf, isTold, testAlerts } from '../replication/alerts.ts'
import { formOf, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function showAlerts(req: Request, res: Response): Promise<void> {
  await show(req, res)
}

async function show(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const { webhook, mailTo = '', afterMinutes } = alertsOf(dbOf(req))
  const data = {
    typed: { webhook: '', mailTo, afterMinutes: String(afterMinutes) },
    host: webhook ? hostOf(webhook) : undefined,
    isOn: isTold({ ...(webhook && { webhook }), mailTo, afterMinutes }),
    problems: {},
    ...extra,
  }
  await render(req, res, 'devices/alerts', data, { status })
}

export async function saveAlerts(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = { webhook: form.text('webhook'), mailTo: form.text('mailTo'), afterMinutes: form.text('afterMinutes') }
  // Left empty the webhook stays: what it is was never shown.
  const webhook = form.has('noWebhook') ? '' : typed.webhook.trim() || undefined
  try {
    await changeAlerts(dbOf(req), actorOf(req), { ...typed, webhook })
    await redirect(req, res, '/devices/alerts', 'Saved. Send a test to see that it arrives.')
  } catch (error) {
    await show(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

export async function sendTest(req: Request, res: Response): Promise<void> {
  try {
    await testAlerts(dbOf(req), actorOf(req))
    await redirect(req, res, '/devices/alerts', 'The test was taken. Look whether it arrived.')
  } catch (error) {
    if (error instanceof Unavailable) return redirect(req, res, '/devices/alerts', `Not sent: ${error.message}`, 'bad')
    await show(req, res, { problems: problemsOf(error) }, 422)
  }
}
