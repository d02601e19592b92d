import { join } from 'node:path'
import { Eta } from 'eta'
import type { Request, Response } from 'express'
import { declared } from '../accounts/declarations.ts'
import { baseDn } from '../accounts/domain.ts'
import { countGroups, ownedGroups } from '../accounts/groups.ts'
import { jobsToTell } from '../accounts/jobs.ts'
import { may, type Right, roleTitle } from '../accounts/roles.ts'
import { countUsers } from '../accounts/users.ts'
import { isAdmin } from '../auth/guards.ts'
import { type Flash, saved } from '../auth/session.ts'
import { receiptOfRow } from '../replication/receipts.ts'
import { masterStatus, type NodeStatus, nodeStatus, reachedBy } from '../replication/status.ts'
import type { Db } from '../store/db.ts'
import { whyNoChange } from '../store/local.ts'
import { root, version } from '../version.ts'
import { masterHost, masterName, nodeOf } from './node.ts'
import { receiptView } from './receipts.ts'
import * as say from './say.ts'
import { receiptMade, seqOf, undoOf } from './toast.ts'

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
  const { extension } = await declared(nodeOf(req).db)
  /** What an extension that is off holds is shown nowhere. */
  const isOn = (name: string): boolean => extension(name)?.on ?? false
  const shell = part ? shellOf(req) : { ...shellOf(req), ...(await menuOf(req)), ...(await toldOf(req, res)) }
  res
    .status(options.status ?? 200)
    .type('html')
    .send(eta.render(`/${part ?? view}`, { ...shell, isOn, ...data }))
}

/** See other, and say `text` there. */
export async function redirect(
  req: Request,
  res: Response,
  to: string,
  text?: string,
  kind: Flash['kind'] = 'good',
): Promise<void> {
  const undo = text && kind === 'good' ? await undoOf(req, res) : undefined
  const seq = kind === 'good' ? seqOf(req, res) : undefined
  const receipt = kind === 'good' ? receiptMade(req, res) : undefined
  if (text && res.locals.isLate) req.session.flash = { text: `${text} ${late(req)}`, kind: 'look' }
  else if (text)
    req.session.flash = { text, kind, ...(undo && { undo }), ...(seq && { seq }), ...(receipt && { receipt }) }
  await saved(req)
  res.redirect(303, to)
}

/** Of what the master has done in somebody's name and this node does not hold yet (act.ts). */
const late = (req: Request): string =>
  `${masterName(nodeOf(req).db.local)} has done it; this node does not hold it yet, and gets it as soon as it can.`

/** htmx says both; on Back it says neither of the first, and then a part would be shown as the page. */
export const asksForPart = (req: Request): boolean =>
  req.get('HX-Request') === 'true' && req.get('HX-Request-Type') === 'partial'

/** What is said once, and how many slaves have it already. */
async function toldOf(req: Request, res: Response) {
  const flash = req.session?.flash
  if (!flash) return res.locals.isLate ? { flash: { text: late(req), kind: 'look' } } : {}
  delete req.session.flash
  const { db } = nodeOf(req)
  // Who has to set a new password first sees nothing else.
  if (flash.receipt !== undefined && req.user?.mustSetPassword === undefined)
    return { flash, receipt: receiptView(await receiptOfRow(db, flash.receipt)) }
  return { flash, reached: flash.seq === undefined ? undefined : await reachedBy(db, flash.seq) }
}

const rightsOf = (req: Request): Record<Right, boolean> => {
  // Passport leaves null where a sign-in failed half-way.
  const mayDo = (right: Right) => (req.user ? may(req.user.role, right) : false)
  return { read: mayDo('read'), audit: mayDo('audit'), passwords: mayDo('passwords'), change: mayDo('change') }
}

/** What is one's own may be changed without any role. */
const isOwnPage = (path: string): boolean => /^\/(account|my-groups)(\/|$)/.test(path)

function shellOf(req: Request) {
  const { db, assets } = nodeOf(req)
  const { local } = db
  const rights = rightsOf(req)
  const isSlave = local.mode === 'slave'
  const master = isSlave ? masterStatus(db) : undefined
  return {
    say,
    asset: assets.url,
    version,
    here: req.path,
    url: req.originalUrl,
    theme: themeOf(req),
    me: req.user,
    roleTitle,
    rights,
    isAdmin: isAdmin(req),
    /** What goes on in the background, and what ended there unseen. */
    inBackground: rights.change && req.user ? jobsToTell(db, req.user.username) : [],
    isSlave,
    /** The master while it does not answer. */
    away: master?.reachable === false ? master : undefined,
    /** A slave that has its master do what people do at any node. */
    forwards: isSlave && nodeOf(req).forward !== undefined,
    /** Nothing can be changed here: by anybody on a slave, by this person elsewhere. */
    readOnly:
      (local.mode !== undefined && whyNoChange(local) !== undefined) ||
      (rights.read && !rights.change && !isOwnPage(req.path)),
    node: {
      ...local,
      seq: db.position.seq,
      masterName: masterName(local),
      masterHost: masterHost(local),
      /** Where the master's pages are; only a slave has a link to them. */
      masterWeb: isSlave ? local.masterWeb : undefined,
    },
    now: new Date(),
  }
}

type Entry = { href: string; icon: string; name: string; count?: number; attention?: number }
type Section = { title: string; pages: Entry[] }

/** The pages that belong together and that this person may open, with counts beside them. */
async function menuOf(req: Request): Promise<{ fleet?: NodeStatus; baseDn?: string | undefined; menu?: Section[] }> {
  // Nothing else is open before a new password is set.
  if (!req.user || req.user.mustSetPassword !== undefined) return {}
  const { db } = nodeOf(req)
  const rights = rightsOf(req)
  if (!rights.read) return { fleet: await nodeStatus(db), menu: await ownMenu(db, req.user.id) }
  const [users, groups, status, owned] = await Promise.all([
    countUsers(db),
    countGroups(db),
    nodeStatus(db),
    ownedGroups(db, req.user.id),
  ])
  const attention = status.devices.filter((device) => device.state === 'behind' || device.state === 'away').length
  const changes = rights.change && !whyNoChange(db.local)
  const sections: (Omit<Section, 'pages'> & { pages: (Entry | false)[] })[] = [
    { title: '', pages: [{ href: '/', icon: 'home', name: 'Home' }] },
    {
      title: 'Accounts',
      pages: [
        { href: '/users', icon: 'users', name: 'Users', count: users },
        { href: '/groups', icon: 'groups', name: 'Groups', count: groups },
        owned.length > 0 && { href: '/my-groups', icon: 'crown', name: 'My groups', count: owned.length },
        { href: '/profiles', icon: 'template', name: 'Profiles' },
        { href: '/extensions', icon: 'puzzle', name: 'Extensions' },
        { href: '/plugins', icon: 'toggle', name: 'Plugins' },
        { href: '/password-policy', icon: 'key', name: 'Password policy' },
        changes && { href: '/import', icon: 'file-up', name: 'Import' },
        { href: '/bin', icon: 'trash', name: 'Recycle bin' },
      ],
    },
    {
      title: 'Network',
      pages: [
        rights.audit && { href: '/mode', icon: 'network', name: 'Mode' },
        rights.audit && db.local.mode === 'master' && { href: '/devices', icon: 'server', name: 'Devices', attention },
        rights.audit && { href: '/windows', icon: 'monitor', name: 'Windows Networking' },
        rights.audit && { href: '/files', icon: 'files', name: 'Files' },
        rights.audit && { href: '/clients', icon: 'plug', name: 'LDAP clients' },
        rights.audit && { href: '/tokens', icon: 'ticket', name: 'API tokens' },
      ],
    },
    {
      title: 'Record',
      pages: [
        rights.audit && { href: '/audit', icon: 'audit', name: 'Audit' },
        rights.audit && { href: '/settings', icon: 'gear', name: 'Settings' },
      ],
    },
  ]
  const menu = sections
    .map(({ title, pages }) => ({ title, pages: pages.filter((page): page is Entry => page !== false) }))
    .filter(({ pages }) => pages.length > 0)
  return { fleet: status, baseDn: status.baseDomain && baseDn(status.baseDomain), menu }
}

/** Somebody without a role sees what is theirs. */
async function ownMenu(db: Db, userId: string): Promise<Section[]> {
  const owned = await ownedGroups(db, userId)
  return [
    {
      title: '',
      pages: [
        { href: '/account', icon: 'user', name: 'Your account' },
        ...(owned.length > 0 ? [{ href: '/my-groups', icon: 'groups', name: 'My groups', count: owned.length }] : []),
      ],
    },
  ]
}

/** What was chosen on this browser; nothing chosen follows the system. */
function themeOf(req: Request): 'light' | 'dark' | undefined {
  const theme = /(?:^|;\s*)theme=(light|dark)(?:;|$)/.exec(req.get('Cookie') ?? '')?.[1]
  return theme === 'light' || theme === 'dark' ? theme : undefined
}
