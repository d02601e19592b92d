import type { Request, Response } from 'express'
import { clientByName, clientList } from '../accounts/clients.ts'
import { baseDomain } from '../accounts/domain.ts'
import { clientOf } from '../samba/controller.ts'
import { administrator, domainOf, setUpDomain, windowsPeople } from '../samba/domain.ts'
import { addMachine, type Machine, machineByName, machineList, removeMachine } from '../samba/machines.ts'
import { reportsOf } from '../samba/reports.ts'
import { asked, askedOne, askedPage, formOf, part, problemsOf } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'

const summary = [
  { name: 'name', label: 'Windows domain' },
  { name: 'password', label: 'Password' },
]

export async function showWindows(req: Request, res: Response): Promise<void> {
  await showPage(req, res)
}

async function showPage(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const db = dbOf(req)
  const [domain, people, machines, base] = await Promise.all([
    domainOf(db),
    windowsPeople(db),
    machineList(db),
    baseDomain(db),
  ])
  const data = {
    domain,
    people,
    controllers: await controllersOf(req, machines),
    own: reportsOf(db).get(db.local.deviceId),
    computers: machines.length,
    administrator: administrator.username,
    typed: { name: (base?.split('.')[0] ?? '').toUpperCase().slice(0, 15) },
    problems: {},
    summary,
    ...rightsOf(req),
    ...extra,
  }
  await render(req, res, 'windows/index', data, { status })
}

/** Every server with a Samba of its own, what it asked this node for, and did not get. */
async function controllersOf(req: Request, machines: readonly Machine[]) {
  const db = dbOf(req)
  const clients = new Set((await clientList(db)).map(({ name }) => name))
  const reports = reportsOf(db)
  const isPdc = ({ device = '' }: Machine): boolean => reports.get(device)?.kind === 'pdc'
  const servers = machines.filter(({ kind }) => kind === 'server').sort((a, b) => Number(isPdc(b)) - Number(isPdc(a)))
  return Promise.all(
    servers.map(async ({ name, description, passwordChanged, device = '' }) => {
      const server = name.replace(/\$$/, '').toUpperCase()
      const client = clientOf(server)
      const seen = clients.has(client) ? await clientByName(db, client) : undefined
      return { server, description, passwordChanged, report: reports.get(device), ...seen }
    }),
  )
}

export async function saveWindows(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const name = form.text('name').trim()
  const password = form.text('password')
  try {
    const domain = await setUpDomain(dbOf(req), actorOf(req), { name, ...(password !== '' && { password }) })
    await redirect(req, res, '/windows', `The Windows domain ${domain.name} is set up.`)
  } catch (error) {
    await showPage(req, res, { typed: { name }, problems: problemsOf(error) }, 422)
  }
}

export async function showComputers(req: Request, res: Response): Promise<void> {
  await showList(req, res)
}

const pageSize = 100
/** Computers renew their password each month at the latest. */
const silentMs = 90 * 86_400_000

const isSilent = ({ kind, passwordChanged, added }: Machine): boolean =>
  kind === 'workstation' && Date.now() - Date.parse(passwordChanged ?? added) > silentMs

async function showList(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const query = { search: asked(req, 'search').trim().slice(0, 64), only: askedOne(req, 'only', ['silent']) }
  const [all, domain] = await Promise.all([machineList(dbOf(req)), domainOf(dbOf(req))])
  const found = all.filter(
    (machine) =>
      `${machine.name} ${machine.description ?? ''}`.toLowerCase().includes(query.search.toLowerCase()) &&
      (query.only === undefined || isSilent(machine)),
  )
  const pages = Math.max(1, Math.ceil(found.length / pageSize))
  const page = Math.min(askedPage(req), pages)
  const rows = found
    .slice((page - 1) * pageSize, page * pageSize)
    .map((machine) => ({ ...machine, isSilent: isSilent(machine) }))
  const data = {
    domain,
    list: { rows, total: found.length, page, pages, size: pageSize },
    all: all.length,
    silent: all.filter(isSilent).length,
    query,
    typed: '',
    problems: {},
    summary,
    ...rightsOf(req),
    ...extra,
  }
  await render(req, res, 'windows/computers', data, { status })
}

export async function addComputer(req: Request, res: Response): Promise<void> {
  const typed = formOf(req).text('name').trim()
  try {
    const { name } = await addMachine(dbOf(req), actorOf(req), { name: typed })
    await redirect(req, res, '/windows/computers', `${name} may join now.`)
  } catch (error) {
    await showList(req, res, { typed, problems: problemsOf(error) }, 422)
  }
}

const computerOf = (req: Request): Promise<Machine> => machineByName(dbOf(req), part(req, 'name'))

export async function askRemoveComputer(req: Request, res: Response): Promise<void> {
  await render(req, res, 'windows/remove', { machine: await computerOf(req) })
}

export async function removeComputer(req: Request, res: Response): Promise<void> {
  const { name } = await computerOf(req)
  await removeMachine(dbOf(req), actorOf(req), name)
  await redirect(req, res, '/windows/computers', `${name} is out of the domain.`)
}
