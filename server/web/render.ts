import { join } from 'node:path'
import { Eta } from 'eta'
import type { Request, Response } from 'express'
import { countGroups } from '../accounts/groups.ts'
import { countUsers } from '../accounts/users.ts'
import { isAdmin } from '../auth/guards.ts'
import { type Flash, saved } from '../auth/session.ts'
import { nodeStatus } from '../replication/status.ts'
import { root, version } from '../version.ts'
import { masterHost, masterName, nodeOf } from './node.ts'
import * as say from './say.ts'

const eta = new Eta({
  views: join(root, 'views'),
  cache: true,
  autoFilter: true,
  filterFunction: (value) => (value == null ? '' : String(value)),
  functionHeader: `const { ${Object.keys(say).join(', ')} } = it.say;`,
})

type Options = {
  status?: number
  /** The part of the page that htmx gets when it asks for this address. */
  part?: string
}

/** Every page is made here: the node, the person, the menu and what is said once are added to `data`. */
export async function render(
  req: Request,
  res: Response,
  view: string,
  data: object = {},
  options: Options = {},
): Promise<void> {
  const part = options.part && asksForPart(req) ? options.part : undefined
  const shell = part ? shellOf(req) : { ...shellOf(req), ...(await menuOf(req)), flash: takeFlash(req) }
  res
    .status(options.status ?? 200)
    .type('html')
    .send(eta.render(`/${part ?? view}`, { ...shell, ...data }))
}

/** See other, and say `text` there. */
export async function redirect(
  req: Request,
  res: Response,
  to: string,
  text?: string,
  kind: Flash['kind'] = 'good',
): Promise<void> {
  if (text) req.session.flash = { text, kind }
  await saved(req)
  res.redirect(303, to)
}

/** htmx says both; on Back it says neither of the first, and then a part would be shown as the page. */
export const asksForPart = (req: Request): boolean =>
  req.get('HX-Request') === 'true' && req.get('HX-Request-Type') === 'partial'

function takeFlash(req: Request): Flash | undefined {
  const flash = req.session?.flash
  if (flash) delete req.session.flash
  return flash
}

function shellOf(req: Request) {
  const { db, assets } = nodeOf(req)
  const { local } = db
  return {
    say,
    asset: assets.url,
    version,
    here: req.path,
    url: req.originalUrl,
    theme: themeOf(req),
    me: req.user,
    isAdmin: isAdmin(req),
    readOnly: local.mode === 'slave',
    node: {
      ...local,
      seq: db.position.seq,
      masterName: masterName(local),
      masterHost: masterHost(local),
      /** Where the master's pages are; only a slave has a link to them. */
      masterWeb: local.mode === 'slave' ? local.masterWeb : undefined,
    },
    now: new Date(),
  }
}

/** Counts beside the menu, and the pages that belong together. Only an administrator has a menu. */
async function menuOf(req: Request) {
  if (!isAdmin(req)) return {}
  const { db } = nodeOf(req)
  const [users, groups, status] = await Promise.all([countUsers(db), countGroups(db), nodeStatus(db)])
  const attention = status.devices.filter((device) => device.state === 'behind' || device.state === 'away').length
  const changes = db.local.mode !== 'slave'
  return {
    fleet: status,
    menu: [
      { title: '', pages: [{ href: '/', icon: 'home', name: 'Home' }] },
      {
        title: 'Accounts',
        pages: [
          { href: '/users', icon: 'users', name: 'Users', count: users },
          { href: '/groups', icon: 'groups', name: 'Groups', count: groups },
          { href: '/extensions', icon: 'puzzle', name: 'Extensions' },
          { href: '/plugins', icon: 'toggle', name: 'Plugins' },
          ...(changes ? [{ href: '/import', icon: 'file-up', name: 'Import' }] : []),
        ],
      },
      {
        title: 'Network',
        pages: [
          { href: '/mode', icon: 'network', name: 'Mode' },
          ...(db.local.mode === 'master' ? [{ href: '/devices', icon: 'server', name: 'Devices', attention }] : []),
          { href: '/clients', icon: 'plug', name: 'LDAP clients' },
        ],
      },
      { title: 'Record', pages: [{ href: '/audit', icon: 'audit', name: 'Audit' }] },
    ],
  }
}

/** What was chosen on this browser; nothing chosen follows the system. */
function themeOf(req: Request): 'light' | 'dark' | undefined {
  const theme = /(?:^|;\s*)theme=(light|dark)(?:;|$)/.exec(req.get('Cookie') ?? '')?.[1]
  return theme === 'light' || theme === 'dark' ? theme : undefined
}
