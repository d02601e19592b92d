import type { Request, Response } from 'express'
import {
  addClient,
  changeClient,
  clientByName,
  clientList,
  clientRoles,
  forgetMisses,
  removeClient,
  renewClientPassword,
} from '../accounts/clients.ts'
import { Invalid } from '../errors.ts'
import { formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf, nodeOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'

const summary = [{ name: 'networks', label: 'Networks' }]

/** One a line; commas and spaces part them too. */
const typedNetworks = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)

const portsOf = (req: Request) => {
  const { config } = nodeOf(req)
  return { ldap: config.ldapPort, ldaps: config.ldapsPort }
}

export async function showClients(req: Request, res: Response): Promise<void> {
  await showPage(req, res)
}

async function showPage(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const clients = await clientList(dbOf(req))
  const typed = { name: '', role: 'read', networks: '' }
  const data = { clients, roles: clientRoles, typed, problems: {}, summary, ports: portsOf(req), ...extra }
  await render(req, res, 'clients/index', data, { status })
}

/** The password is made here and shown once, on the answer itself: no address leads back to it. */
export async function addLdapClient(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = { name: form.text('name').trim(), role: form.text('role'), networks: form.text('networks') }
  try {
    const role = clientRoles.find((one) => one.role === typed.role)?.role
    if (!role) throw new Invalid({ role: 'Choose what the service may do.' })
    const networks = typedNetworks(typed.networks)
    const made = await addClient(dbOf(req), actorOf(req), { name: typed.name, role, networks })
    await showPage(req, res, { made: { ...made, title: `${made.name} was added` } })
  } catch (error) {
    await showPage(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

const clientOf = (req: Request) => clientByName(dbOf(req), part(req, 'name'))

const pathOf = (name: string): string => `/clients/${encodeURIComponent(name)}`

export async function showClient(req: Request, res: Response): Promise<void> {
  await showOne(req, res)
}

async function showOne(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const { client, misses } = await clientOf(req)
  const data = {
    client,
    misses,
    may: clientRoles.find(({ role }) => role === client.role)?.may,
    typed: client.networks.join('\n'),
    problems: {},
    summary,
    ports: portsOf(req),
    ...rightsOf(req),
    ...extra,
  }
  await render(req, res, 'clients/show', data, { status })
}

export async function saveClient(req: Request, res: Response): Promise<void> {
  const { client } = await clientOf(req)
  const form = formOf(req)
  const typed = form.text('networks')
  try {
    const seq = Number(form.text('seq')) || undefined
    await changeClient(dbOf(req), actorOf(req), client.name, { networks: typedNetworks(typed) }, seq)
    await redirect(req, res, pathOf(client.name), `The networks of ${client.name} are saved.`)
  } catch (error) {
    await showOne(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

export async function askClientPassword(req: Request, res: Response): Promise<void> {
  await render(req, res, 'clients/password', await clientOf(req))
}

export async function makeClientPassword(req: Request, res: Response): Promise<void> {
  const made = await renewClientPassword(dbOf(req), actorOf(req), part(req, 'name'))
  await showOne(req, res, { made: { ...made, title: `The new password of ${made.name}` } })
}

/** What was seen is this node's own: a slave forgets it too. */
export async function forgetSeen(req: Request, res: Response): Promise<void> {
  const { client } = await clientOf(req)
  await forgetMisses(dbOf(req), actorOf(req), client.name)
  await redirect(req, res, pathOf(client.name), `What ${client.name} did not get here is forgotten.`)
}

export async function askRemoveClient(req: Request, res: Response): Promise<void> {
  await render(req, res, 'clients/remove', await clientOf(req))
}

export async function removeLdapClient(req: Request, res: Response): Promise<void> {
  const { client } = await clientOf(req)
  await removeClient(dbOf(req), actorOf(req), client.name)
  await redirect(req, res, '/clients', `${client.name} was removed. It cannot sign in to LDAP any more.`)
}
