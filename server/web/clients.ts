import type { Request, Response } from 'express'
import { addClient, clientList, clientRoles, removeClient } from '../accounts/clients.ts'
import { Invalid, NotFound } from '../errors.ts'
import { formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf, nodeOf } from './node.ts'
import { redirect, render } from './render.ts'

export async function showClients(req: Request, res: Response): Promise<void> {
  await showPage(req, res)
}

async function showPage(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const { config } = nodeOf(req)
  const clients = await clientList(dbOf(req))
  const typed = { name: '', role: 'read' }
  const ports = { ldap: config.ldapPort, ldaps: config.ldapsPort }
  await render(
    req,
    res,
    'clients/index',
    { clients, roles: clientRoles, typed, problems: {}, ports, ...extra },
    { status },
  )
}

/** The password is made here and shown once, on the answer itself: no address leads back to it. */
export async function addLdapClient(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const typed = { name: form.text('name').trim(), role: form.text('role') }
  try {
    const role = clientRoles.find((one) => one.role === typed.role)?.role
    if (!role) throw new Invalid({ role: 'Choose what the service may do.' })
    const made = await addClient(dbOf(req), actorOf(req), { name: typed.name, role })
    await showPage(req, res, { made: { ...made, name: typed.name } })
  } catch (error) {
    await showPage(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

async function clientOf(req: Request) {
  const client = (await clientList(dbOf(req))).find((one) => one.name === part(req, 'name'))
  if (!client) throw new NotFound(`There is no LDAP client ${part(req, 'name')}.`)
  return client
}

export async function askRemoveClient(req: Request, res: Response): Promise<void> {
  await render(req, res, 'clients/remove', { client: await clientOf(req) })
}

export async function removeLdapClient(req: Request, res: Response): Promise<void> {
  const client = await clientOf(req)
  await removeClient(dbOf(req), actorOf(req), client.name)
  await redirect(req, res, '/clients', `${client.name} was removed. It cannot sign in to LDAP any more.`)
}
