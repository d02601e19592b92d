import type { Request, Response } from 'express'
import type { Problems } from '../errors.ts'
import { issueCertificates } from '../filesync/certificates.ts'
import { fileSetOverview, fileSetOverviews, type SetOverview, stateWords } from '../filesync/overview.ts'
import { afterwardsChoices, allowed, endPlace, ownRoot, rootsOf, setPlace } from '../filesync/places.ts'
import { setReceiving } from '../filesync/receive.ts'
import { addFileSet, changeFileSet, type FileSetInput, kindTitles, removeFileSet } from '../filesync/sets.ts'
import { deviceList } from '../replication/devices.ts'
import { filesOf, type KeptFile } from '../store/files-kept.ts'
import { asked, type Form, formOf, part, problemsOf, typedSwitch } from './form.ts'
import { actorOf, dbOf } from './node.ts'
import { redirect, render } from './render.ts'
import { rightsOf } from './rights.ts'

export async function showFileSets(req: Request, res: Response): Promise<void> {
  const sets = await fileSetOverviews(dbOf(req))
  const rows = sets.map((one) => ({ ...one, ...standing(one) }))
  const own = {
    mayPlace: req.user?.role === 'administrator',
    receives: allowed(dbOf(req)).receives,
    ownRoot: ownRoot(dbOf(req)),
  }
  await render(req, res, 'files/index', { sets: rows, kindTitles, ...own, ...rightsOf(req) }, { part: 'files/_list' })
}

export async function saveReceiving(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const receives = typedSwitch(formOf(req), 'receives')
  await setReceiving(db, actorOf(req), receives)
  const said = receives
    ? `File sets that are meant for this node are placed in ${ownRoot(db)} from now on.`
    : 'File sets are no longer placed by themselves. Those that lie here stay.'
  await redirect(req, res, '/files', said)
}

/** What a row says: the worst of this node and of all slaves, and how many are up to date. */
function standing({ own, nodes, place, set }: SetOverview) {
  const equal = nodes.filter(({ state }) => state === 'equal').length
  const named = nodes.filter(({ state }) => state !== 'no-place')
  const away = nodes.find(({ state }) => state === 'trouble')
  const problem = own?.state === 'trouble' ? own.problem : away && `${away.name}: ${stateWords(away)}`
  const isComing = own?.state === 'coming' || named.some(({ state }) => state === 'coming')
  const missing = !place && set.kind !== 'certificates'
  return { equal, named: named.length, problem, isComing, missing }
}

const shownAtMost = 200

export async function showFileSet(req: Request, res: Response): Promise<void> {
  await renderSet(req, res)
}

async function renderSet(req: Request, res: Response, extra: object = {}, status = 200): Promise<void> {
  const db = dbOf(req)
  const one = await fileSetOverview(db, part(req, 'name'))
  const search = asked(req, 'search').trim()
  const files = await filesOf(db.reader, one.set.id)
  const names = new Map((await deviceList(db)).map(({ deviceId, name }) => [deviceId, name]))
  names.set(db.local.deviceId, db.local.name)
  const matching = files.filter(({ path }) => path.toLowerCase().includes(search.toLowerCase()))
  const data = {
    ...one,
    ...rightsOf(req),
    nodes: one.nodes.map((node) => ({ ...node, words: stateWords(node) })),
    own: one.own && { ...one.own, words: stateWords(one.own) },
    list: matching.slice(0, shownAtMost).map((file) => ({ ...file, ...forWhom(file, names) })),
    total: matching.length,
    all: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    search,
    kindTitles,
    problems: {},
    summary: labels,
    kept: await formValues(req, one),
    choices: afterwardsChoices(db),
    roots: rootsOf(db),
    proposed: `${ownRoot(db)}/${one.set.name}`,
    // Where it lies on this node, the administrators of this node say, also on a slave.
    mayPlace: req.user?.role === 'administrator',
    ...extra,
  }
  await render(req, res, 'files/show', { typed: data.kept, ...data }, { status, part: 'files/_state' })
}

const forWhom = (file: KeptFile, names: Map<string, string>) => ({
  forName: file.for === undefined ? undefined : (names.get(file.for) ?? file.for),
  endsSoon: file.until !== undefined && Date.parse(file.until) - Date.now() < 14 * 86_400_000,
})

const labels = [
  { name: 'name', label: 'Name' },
  { name: 'include', label: 'Published' },
  { name: 'exclude', label: 'Left out' },
  { name: 'devices', label: 'Devices' },
  { name: 'services', label: 'Services' },
  { name: 'dir', label: 'Directory' },
]

async function formValues(req: Request, { set, place }: Pick<SetOverview, 'set' | 'place'>) {
  const names = new Map((await deviceList(dbOf(req))).map(({ deviceId, name }) => [deviceId, name]))
  return {
    include: set.include.join('\n'),
    exclude: set.exclude.join('\n'),
    devices: (set.devices ?? []).map((id) => names.get(id) ?? id).join('\n'),
    services: (set.services ?? []).join('\n'),
    whole: set.whole ? 'yes' : 'no',
    dir: place?.dir ?? '',
    edits: place?.edits ?? 'restore',
    afterwards: place?.afterwards ?? 'nothing',
  }
}

const lines = (form: Form, name: string): string[] =>
  form
    .text(name)
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter(Boolean)

/** No device named: every one gets it. */
function typedSet(form: Form): Partial<FileSetInput> {
  const devices = lines(form, 'devices')
  return {
    include: lines(form, 'include'),
    exclude: lines(form, 'exclude'),
    devices: devices.length > 0 ? devices : null,
    whole: form.text('whole') === 'yes',
    ...(form.has('services') && { services: lines(form, 'services') }),
  }
}

const typedText = (form: Form) => ({
  name: form.text('name'),
  kind: form.text('kind'),
  include: form.text('include'),
  exclude: form.text('exclude'),
  devices: form.text('devices'),
  services: form.text('services'),
  whole: form.text('whole') === 'yes' ? 'yes' : 'no',
})

export async function newFileSet(req: Request, res: Response): Promise<void> {
  const typed = { name: '', kind: 'custom', include: '', exclude: '', devices: '', services: 'ldap', whole: 'no' }
  await renderNew(req, res, typed)
}

const renderNew = (req: Request, res: Response, typed: object, problems: Problems = {}) =>
  render(
    req,
    res,
    'files/new',
    { typed, problems, summary: labels, kindTitles },
    { status: Object.keys(problems).length > 0 ? 422 : 200 },
  )

export async function addNewFileSet(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const kind = Object.keys(kindTitles).find((one) => one === form.text('kind')) as FileSetInput['kind'] | undefined
  try {
    const { services, ...typed } = typedSet(form)
    const input = { ...typed, ...(kind === 'certificates' && services && { services }) }
    const set = await addFileSet(dbOf(req), actorOf(req), { name: form.text('name'), kind: kind ?? 'custom', ...input })
    const next =
      set.kind === 'certificates' ? 'The first certificates are on their way.' : 'Say now where it lies on this node.'
    await redirect(req, res, `/files/${set.name}`, `File set ${set.name} was added. ${next}`)
  } catch (error) {
    await renderNew(req, res, typedText(form), problemsOf(error))
  }
}

export async function saveFileSet(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const { set } = await fileSetOverview(dbOf(req), part(req, 'name'))
  try {
    const seq = Number(form.text('seq'))
    await changeFileSet(dbOf(req), actorOf(req), set.id, typedSet(form), Number.isSafeInteger(seq) ? seq : undefined)
    await redirect(req, res, `/files/${set.name}`, `File set ${set.name} is saved.`)
  } catch (error) {
    await renderSet(
      req,
      res,
      {
        typed: { ...(await formValues(req, { set, place: undefined })), ...typedText(form) },
        problems: problemsOf(error),
      },
      422,
    )
  }
}

export async function savePlace(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const name = part(req, 'name')
  const edits = form.text('edits') === 'report' ? 'report' : 'restore'
  const typed = { dir: form.text('dir').trim(), edits, afterwards: form.text('afterwards') } as const
  try {
    await setPlace(dbOf(req), actorOf(req), name, typed)
    await redirect(req, res, `/files/${name}`, `File set ${name} lies in ${typed.dir} on this node.`)
  } catch (error) {
    const one = await fileSetOverview(dbOf(req), name)
    await renderSet(
      req,
      res,
      { typed: { ...(await formValues(req, one)), ...typed }, problems: problemsOf(error) },
      422,
    )
  }
}

export async function removePlaceHere(req: Request, res: Response): Promise<void> {
  const name = part(req, 'name')
  await endPlace(dbOf(req), actorOf(req), name)
  await redirect(req, res, `/files/${name}`, `This node no longer looks after ${name}. What lies there stays.`)
}

export async function askRemoveFileSet(req: Request, res: Response): Promise<void> {
  await render(req, res, 'files/remove', await fileSetOverview(dbOf(req), part(req, 'name')))
}

export async function removeOneFileSet(req: Request, res: Response): Promise<void> {
  const { set } = await fileSetOverview(dbOf(req), part(req, 'name'))
  await removeFileSet(dbOf(req), actorOf(req), set.id)
  await redirect(req, res, '/files', `File set ${set.name} was removed. Its files go from the slaves.`)
}

export async function renewCertificates(req: Request, res: Response): Promise<void> {
  const name = part(req, 'name')
  const issued = await issueCertificates(dbOf(req), actorOf(req), 'all')
  await redirect(req, res, `/files/${name}`, `${issued} certificates were made anew. Each node takes them by itself.`)
}
