import type { Request, Response } from 'express'
import { declared } from '../accounts/declarations.ts'
import {
  extensionList,
  type ListedExtension,
  needExtension,
  removeExtensionValues,
  setExtensionOn,
} from '../accounts/extensions.ts'
import { misfits } from '../accounts/misfits.ts'
import { ownExtension } from '../accounts/own-extensions.ts'
import { pluginList } from '../accounts/plugins.ts'
import { countUsers } from '../accounts/users.ts'
import { Invalid, Refused } from '../errors.ts'
import type { OwnExtension } from '../extensions/own.ts'
import type { Db } from '../store/db.ts'
import { askedOne, formOf, part, problemsOf, typedSwitch } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'
import { people } from './say.ts'
import { safePath } from './sign-in.ts'

const shows = {
  on: (one: { on: boolean }) => one.on,
  off: (one: { on: boolean }) => !one.on,
  own: (one: { isOwn?: boolean }) => one.isOwn === true,
} as const

/** What there is to turn on, as the ancestor's Marketplace: extensions as cards, plugins as a table. */
export async function showExtensions(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const show = askedOne(req, 'show', ['on', 'off', 'own'] as const)
  const [extensions, plugins, all] = await Promise.all([extensionList(db), pluginList(db), countUsers(db)])
  const every = [...extensions, ...plugins]
  const isShown = show ? shows[show] : () => true
  await render(req, res, 'extensions/index', {
    ...rightsOf(req),
    all,
    show,
    counts: {
      all: every.length,
      on: every.filter(shows.on).length,
      off: every.filter(shows.off).length,
      own: every.filter(shows.own).length,
    },
    extensions: extensions.filter(isShown),
    plugins: plugins.filter(isShown),
    made: await madeHere(db),
  })
}

/** By whom and when each one was made. */
async function madeHere(db: Db): Promise<Record<string, Pick<OwnExtension, 'by' | 'added'>>> {
  const own = (await declared(db)).extensions.filter(({ isOwn }) => isOwn)
  const made = await Promise.all(own.map(async ({ name }) => [name, (await ownExtension(db, name)).own] as const))
  return Object.fromEntries(made)
}

export async function showExtension(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const [extension, all] = await Promise.all([listedExtension(req), countUsers(db)])
  const { name } = extension
  const made = extension.isOwn ? (await ownExtension(db, name)).own : undefined
  await render(req, res, 'extensions/show', { ...rightsOf(req), extension, all, made })
}

/** Values that are older than the rules. */
export async function showMisfits(req: Request, res: Response): Promise<void> {
  const extension = await needExtension(dbOf(req), part(req, 'name'))
  await render(req, res, 'extensions/misfits', { extension, ...(await misfits(dbOf(req), extension.name)) })
}

export async function saveExtensionState(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const { name, title } = await needExtension(dbOf(req), part(req, 'name'))
  const on = typedSwitch(form, 'on')
  const back = safePath(form.text('back'))
  try {
    await setExtensionOn(dbOf(req), actorOf(req), name, on)
    await redirect(req, res, back, `${title} ${on ? 'is on.' : 'is off. Its values are kept.'}`)
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    await redirect(req, res, back, error.message, 'bad')
  }
}

export async function askRemoveValues(req: Request, res: Response): Promise<void> {
  await render(req, res, 'extensions/values', { extension: await offExtension(req), problems: {}, typed: '' })
}

export async function removeValues(req: Request, res: Response): Promise<void> {
  const extension = await offExtension(req)
  const typed = formOf(req).text('name').trim()
  if (typed !== extension.name) {
    const problems = { name: `Type ${extension.name} to remove its values.` }
    return render(req, res, 'extensions/values', { extension, problems, typed }, { status: 422 })
  }
  try {
    const { people: count } = await removeExtensionValues(dbOf(req), actorOf(req), extension.name)
    const said = `The values of ${extension.title} were removed from ${people(count)}.`
    await redirect(req, res, `/extensions/${extension.name}`, said)
  } catch (error) {
    await render(req, res, 'extensions/values', { extension, problems: problemsOf(error), typed }, { status: 422 })
  }
}

async function listedExtension(req: Request) {
  const { name } = await needExtension(dbOf(req), part(req, 'name'))
  return (await extensionList(dbOf(req))).find((one) => one.name === name) as ListedExtension
}

async function offExtension(req: Request) {
  const extension = await listedExtension(req)
  if (extension.on) throw new Refused(`${extension.title} is on. Turn it off first; then its values can be removed.`)
  return extension
}
