import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { compareVersions, restoreVersion, versionsOf } from '../filesync/versions.ts'
import { asked, formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'

export async function showFile(req: Request, res: Response): Promise<void> {
  await renderFile(req, res, asked(req, 'path'))
}

const numberIn = (text: string): number | undefined => (/^\d{1,9}$/.test(text) ? Number(text) : undefined)

async function renderFile(
  req: Request,
  res: Response,
  path: string,
  problems: object = {},
  status = 200,
): Promise<void> {
  const db = dbOf(req)
  const name = part(req, 'name')
  const { file, versions } = await versionsOf(db, name, path)
  const [from, to] = [numberIn(asked(req, 'from')), numberIn(asked(req, 'to'))]
  const isOwn = db.local.mode !== 'slave'
  const diff = isOwn && versions.length > 1 && !file.sealed ? await compared(req, name, path, from, to) : undefined
  await render(req, res, 'files/file', { name, file, versions, diff, isOwn, problems, ...rightsOf(req) }, { status })
}

/** What cannot be compared is said, and is no reason for not showing the rest. */
async function compared(req: Request, name: string, path: string, from?: number, to?: number) {
  try {
    return await compareVersions(dbOf(req), name, path, from, to)
  } catch (error) {
    if (error instanceof NotFound) return { from, to, lines: [], problem: error.message }
    return { from, to, lines: [], problem: Object.values(problemsOf(error))[0] }
  }
}

export async function restoreFile(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const name = part(req, 'name')
  const path = form.text('path')
  const version = numberIn(form.text('version')) ?? 0
  try {
    await restoreVersion(dbOf(req), actorOf(req), name, path, version)
    await redirect(
      req,
      res,
      `/files/${name}/file?path=${encodeURIComponent(path)}`,
      `Version ${version} is the one of now again.`,
    )
  } catch (error) {
    if (!(error instanceof NotFound)) return renderFile(req, res, path, problemsOf(error), 422)
    await renderFile(req, res, path, { '': error.message }, 422)
  }
}
