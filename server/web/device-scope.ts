import type { Request, Response } from 'express'
import { setScope, shownScope } from '../replication/devices.ts'
import { deviceOf } from './devices.ts'
import { formOf, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function askScope(req: Request, res: Response): Promise<void> {
  const { device } = await deviceOf(req)
  const { groups, ntHashes } = await shownScope(dbOf(req), device.scope)
  const typed = { whose: groups.length > 0 ? 'groups' : 'everybody', groups: groups.join(', '), ntHashes }
  await render(req, res, 'devices/scope', { device, typed, problems: {} })
}

export async function saveScope(req: Request, res: Response): Promise<void> {
  const { device } = await deviceOf(req)
  const form = formOf(req)
  const typed = { whose: form.text('whose'), groups: form.text('groups'), ntHashes: form.has('ntHashes') }
  const isGroups = typed.whose === 'groups'
  const groups = isGroups ? typed.groups.split(/[\s,]+/).filter(Boolean) : []
  try {
    if (isGroups && groups.length === 0) {
      const problems = { groups: 'Name at least one group, as in sales, site_malmo.' }
      return await render(req, res, 'devices/scope', { device, typed, problems }, { status: 422 })
    }
    await setScope(dbOf(req), actorOf(req), device.deviceId, { groups, ntHashes: typed.ntHashes })
    await redirect(
      req,
      res,
      `/devices/${encodeURIComponent(device.deviceId)}`,
      `${device.name} holds other secrets now. It proves so with its next answer.`,
    )
  } catch (error) {
    await render(req, res, 'devices/scope', { device, typed, problems: problemsOf(error) }, { status: 422 })
  }
}
