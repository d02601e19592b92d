import type { Request, Response } from 'express'
import { declared } from '../accounts/declarations.ts'
import { groupsInEffect } from '../accounts/groups.ts'
import { mayUse } from '../accounts/may-use.ts'
import { ownFields, sshKeysOf } from '../accounts/own-account.ts'
import { pluginList } from '../accounts/plugins.ts'
import { policyOf } from '../accounts/policies.ts'
import { confirmPassword, passwordAge } from '../accounts/sign-in.ts'
import { Invalid, type Problems } from '../errors.ts'
import type { Extension } from '../extensions/extension.ts'
import { atField, authorityField, doAct } from './act.ts'
import { fieldViews, sectionTitle, typedValues } from './field-view.ts'
import { formOf, problemsOf } from './form.ts'
import { dbOf } from './node.ts'
import { ownSessions } from './own-sessions.ts'
import { keepSession, twice } from './password.ts'
import { shownRules } from './policy-rules.ts'
import { redirect, render } from './render.ts'

export async function showAccount(req: Request, res: Response): Promise<void> {
  await showOwn(req, res)
}

type Typed = Record<string, Record<string, string>>
type Again = { problems?: Problems; typed?: Typed; key?: string }

/** What everybody may see of themselves: nothing here is about anybody else. */
async function showOwn(req: Request, res: Response, { problems = {}, typed, key }: Again = {}): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  const [plugins, groups, own, policy, sessions, known] = await Promise.all([
    pluginList(db),
    groupsInEffect(db, user.groups),
    ownFields(db),
    policyOf(db, user),
    ownSessions(req),
    declared(db),
  ])
  const services = await Promise.all(
    plugins.filter((plugin) => plugin.on).map(async (plugin) => ({ ...plugin, use: await mayUse(db, user, plugin) })),
  )
  const isOwn = (extension: string, name: string) =>
    own.some((one) => one.extension.name === extension && one.names.includes(name))
  const sections = own.flatMap(({ extension, names }) => {
    const fields = fieldsNamed(
      extension.user,
      names.filter((name) => !isKeys(extension.name, name)),
    )
    const views = fieldViews(extension, fields, user.extensions[extension.name], typed?.[extension.name], problems)
    return views.length > 0 ? [{ title: sectionTitle(extension), fields: views }] : []
  })
  const facts = known.extensions.flatMap((extension) =>
    extension.on ? factsOf(user, extension, (name) => !isOwn(extension.name, name)) : [],
  )
  const shell = known.extension('shell')
  const data = {
    user,
    services,
    // Also those that hold a group that one is in.
    groups: [...groups.values()].map(({ name }) => name).sort(),
    facts,
    sections,
    keys: {
      isOn: shell?.on === true,
      mayChange: isOwn('shell', 'sshKeys'),
      list: sshKeysOf(user.extensions).map(keyParts),
      typed: key ?? '',
      problem: problems['shell.sshKeys'],
    },
    rules: shownRules(policy),
    age: passwordAge(policy, user),
    sessions,
    problems,
  }
  await render(req, res, 'account/show', data, { status: Object.keys(problems).length > 0 ? 422 : 200 })
}

const isKeys = (extension: string, name: string): boolean => extension === 'shell' && name === 'sshKeys'

const fieldsNamed = <F>(fields: Record<string, F>, names: string[]): Record<string, F> =>
  Object.fromEntries(names.map((name) => [name, fields[name] as F]))

/** What is filled in and not theirs to change. */
const factsOf = (
  user: Express.User,
  extension: Pick<Extension, 'name' | 'user'>,
  isShown: (name: string) => boolean,
) => {
  const kept = user.extensions[extension.name] ?? {}
  const names = Object.keys(extension.user).filter(
    (name) => kept[name] !== undefined && isShown(name) && !isKeys(extension.name, name),
  )
  return fieldViews(extension, fieldsNamed(extension.user, names), kept, undefined, {})
}

/** A key as a list shows it: its kind, the end of it, and what its owner called it. */
function keyParts(key: string): { key: string; kind: string; end: string; comment: string } {
  const [kind = '', body = '', ...comment] = key.split(' ')
  return { key, kind, end: body.replace(/=+$/, '').slice(-12), comment: comment.join(' ') }
}

export async function saveOwnPassword(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  const form = formOf(req)
  try {
    const password = twice(form)
    const current = form.text('current')
    const isHere = db.local.mode !== 'slave'
    if (isHere && !(await confirmPassword(db, user.id, current)))
      throw new Invalid({ current: 'This is not your password. Look at Caps Lock.' })
    await doAct(req, { do: 'own-password', password }, current, 'current')
    await keepSession(req, user.username)
    await redirect(req, res, '/account', 'Your password is changed. Other sessions of yours have ended.')
  } catch (error) {
    await showOwn(req, res, { problems: problemsOf(error) })
  }
}

/** Fields that the settings leave to people; whatever else a form sends is not read. */
export async function saveOwnFields(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const user = req.user as Express.User
  const form = formOf(req)
  const typed: Typed = {}
  for (const { extension, names } of await ownFields(db)) {
    const fields = fieldsNamed(
      extension.user,
      names.filter((name) => !isKeys(extension.name, name)),
    )
    typed[extension.name] = typedValues(form, extension, fields, user.extensions[extension.name])
  }
  try {
    await doAct(req, { do: 'own-fields', extensions: typed }, form.text(authorityField))
    await redirect(req, res, '/account', 'Your account is saved.')
  } catch (error) {
    await showOwn(req, res, { problems: problemsOf(error), typed })
  }
}

export async function addKey(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const key = form.text('shell.sshKeys')
  try {
    await doAct(req, { do: 'add-own-key', key }, form.text(authorityField))
    await redirect(req, res, '/account#keys', 'The SSH key is added.')
  } catch (error) {
    await showOwn(req, res, { problems: atField(problemsOf(error), 'keys-authority'), key })
  }
}

export async function removeKey(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const key = form.text('key')
  try {
    await doAct(req, { do: 'remove-own-key', key }, form.text(authorityField))
  } catch (error) {
    const problems = problemsOf(error)
    // At a slave a page between asks for the own password.
    const data = { key: keyParts(key), problems: form.has(authorityField) ? problems : {} }
    return render(req, res, 'account/remove-key', data, { status: 422 })
  }
  await redirect(req, res, '/account#keys', 'The SSH key is removed.')
}
