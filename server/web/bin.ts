import type { Request, Response } from 'express'
import { binned, binPage, purge, undelete } from '../accounts/bin.ts'
import { settings } from '../accounts/settings.ts'
import type { Problems } from '../errors.ts'
import { asked, askedOne, formOf, pageAsked, pageSize, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'
import { listed, path } from './say.ts'

export async function showBin(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const query = {
    search: asked(req, 'search').trim().slice(0, 200),
    kind: askedOne(req, 'kind', ['user', 'group'] as const),
  }
  const { kind, search } = query
  const [list, { binDays }] = await Promise.all([
    pageAsked(req, (page) => binPage(db, { search, ...(kind && { kind }), page, size: pageSize })),
    settings(db),
  ])
  res.set('HX-Replace-Url', path('/bin', { ...query, page: list.page > 1 ? list.page : undefined }))
  const data = { query, list, binDays, base: '/bin', ...rightsOf(req) }
  await render(req, res, 'bin/index', data, { part: 'bin/_list' })
}

/** Asked only when the old name is taken, or the person wants another one. */
export async function askRestore(req: Request, res: Response): Promise<void> {
  await renderRestore(req, res)
}

async function renderRestore(req: Request, res: Response, typed?: string, problems?: Problems): Promise<void> {
  const item = await binned(dbOf(req), part(req, 'id'))
  const data = { item, typed: typed ?? item.name, problems: problems ?? {} }
  await render(req, res, 'bin/restore', data, { status: problems ? 422 : 200 })
}

export async function restore(req: Request, res: Response): Promise<void> {
  const id = part(req, 'id')
  const form = formOf(req)
  const typed = form.has('name') ? form.text('name') : undefined
  try {
    const { kind, name, left } = await undelete(dbOf(req), actorOf(req), id, typed === undefined ? {} : { name: typed })
    const taken = left.length > 0 ? ` ${listed(left)} belongs to somebody else by now and was left out.` : ''
    const to = kind === 'user' ? '/users' : '/groups'
    await redirect(req, res, `${to}/${encodeURIComponent(name)}`, `${name} is back, with everything as it was.${taken}`)
  } catch (error) {
    await renderRestore(req, res, typed, problemsOf(error))
  }
}

export async function askPurge(req: Request, res: Response): Promise<void> {
  await render(req, res, 'bin/remove', { item: await binned(dbOf(req), part(req, 'id')), typed: '' })
}

export async function purgeOne(req: Request, res: Response): Promise<void> {
  const item = await binned(dbOf(req), part(req, 'id'))
  const typed = formOf(req).text('name').trim()
  if (typed !== item.name) {
    const problems = { name: `Type ${item.name} to remove it for good.` }
    return render(req, res, 'bin/remove', { item, typed, problems }, { status: 422 })
  }
  await purge(dbOf(req), actorOf(req), item.id)
  await redirect(req, res, '/bin', `${item.name} was removed for good.`)
}
