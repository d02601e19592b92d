import { z } from 'zod'
import { issueCertificates } from '../filesync/certificates.ts'
import { fileSetOverview, fileSetOverviews, type SetOverview } from '../filesync/overview.ts'
import { allowed, changeAllowed, endPlace, rootsOf, setPlace } from '../filesync/places.ts'
import { setReceiving } from '../filesync/receive.ts'
import { addFileSet, changeFileSet, fileSetByName, removeFileSet } from '../filesync/sets.ts'
import { compareVersions, restoreVersion, versionsOf } from '../filesync/versions.ts'
import { deviceList } from '../replication/devices.ts'
import type { Db } from '../store/db.ts'
import { filesOf } from '../store/files-kept.ts'
import { command } from './command.ts'
import { expected, moment, named, none, nothing, text, texts } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const kind = z.enum(['custom', 'netlogon', 'certificates'])
const edits = z.enum(['restore', 'report'])

const onNode = z.object({
  deviceId: z.string(),
  name: z.string(),
  state: z.enum(['equal', 'coming', 'trouble', 'no-place', 'unknown']),
  seq: z.int().meta({ description: 'It holds everything up to this change.' }),
  missing: z.int(),
  bytes: z.number(),
  done: z.number(),
  edited: z.int(),
  problem: z.string().optional(),
  at: moment.optional(),
})

const shownSet = z
  .object({
    id: z.string(),
    seq: z.int(),
    name: z.string(),
    kind,
    include: z.array(z.string()),
    exclude: z.array(z.string()),
    devices: z.array(z.string()).nullable().meta({ description: 'Names of the slaves that get it; null: every one.' }),
    whole: z.boolean(),
    services: z.array(z.string()),
    files: z.int(),
    added: moment,
    changed: moment,
    place: z.object({ dir: z.string(), edits, afterwards: z.string() }).nullable(),
    state: onNode.omit({ deviceId: true, name: true, at: true }).nullable().meta({ description: 'On this node.' }),
    nodes: z.array(onNode),
  })
  .meta({ id: 'FileSet', description: 'Files that follow the accounts to slaves.' })

async function shown(db: Db, { set, files, place, own, nodes }: SetOverview): Promise<z.input<typeof shownSet>> {
  const { id, seq, name, include, exclude, added, changed } = set
  const names = set.devices && new Map((await deviceList(db)).map((device) => [device.deviceId, device.name]))
  return {
    id,
    seq,
    name,
    kind: set.kind,
    include,
    exclude,
    devices: set.devices?.map((deviceId) => names?.get(deviceId) ?? deviceId) ?? null,
    whole: set.whole ?? false,
    services: set.services ?? [],
    files,
    added,
    changed,
    place: place ? { dir: place.dir, edits: place.edits, afterwards: place.afterwards } : null,
    state: own ?? null,
    nodes,
  }
}

const shownVersion = z.object({
  version: z.int(),
  sha256: z.string(),
  size: z.number(),
  mode: z.int(),
  at: z.string(),
})

const shownFile = shownVersion
  .extend({ path: z.string(), for: z.string().optional(), until: moment.optional(), seq: z.int() })
  .meta({ id: 'File', description: 'One file of a set, as it is now.' })

const shownAllowed = z.object({
  roots: z.array(z.string()),
  units: z.array(z.string()),
  kilobytesPerSecond: z.int(),
  maxFiles: z.int(),
  maxMegabytes: z.int(),
  receives: z.boolean().meta({ description: 'Sets that are meant for this slave are placed by themselves.' }),
})

const given = {
  include: texts.optional(),
  exclude: texts.optional(),
  devices: texts.nullable().optional().meta({ description: 'Names or Device IDs; null: every slave.' }),
  whole: z.boolean().optional().meta({ description: 'All of it changes at once for who reads it.' }),
  services: texts.optional().meta({ description: 'Certificates: for what each node gets one.' }),
}

const oneFile = z.strictObject({ set: text, path: text })

export const fileCommands = {
  'file-set-list': command('audit', none, z.array(shownSet), async ({ db }) =>
    Promise.all((await fileSetOverviews(db)).map((one) => shown(db, one))),
  ),
  'file-set-show': command('audit', named, shownSet, async ({ db }, { name }) =>
    shown(db, await fileSetOverview(db, name)),
  ),
  'file-set-add': command(
    'change',
    named.extend({ kind: kind.optional(), ...given }),
    shownSet,
    async ({ db, actor }, args) => {
      const { name } = await addFileSet(db, actor, args)
      return shown(db, await fileSetOverview(db, name))
    },
  ),
  'file-set-change': command(
    'change',
    z.strictObject({ set: text, ...expected, ...given }),
    shownSet,
    ({ db, actor }, { set, expectedSeq, ...input }) =>
      unlessChanged(
        expectedSeq,
        () => fileSetByName(db, set),
        async ({ id, name }) => {
          await changeFileSet(db, actor, id, input, expectedSeq)
          return shown(db, await fileSetOverview(db, name))
        },
      ),
  ),
  'file-set-remove': command(
    'change',
    named.extend(expected),
    nothing,
    async ({ db, actor }, { name, expectedSeq }) => {
      await unlessChanged(
        expectedSeq,
        () => fileSetByName(db, name),
        ({ id }) => removeFileSet(db, actor, id, expectedSeq),
      )
    },
  ),
  'file-list': command('audit', z.strictObject({ set: text }), z.array(shownFile), async ({ db }, { set }) =>
    filesOf(db.reader, (await fileSetByName(db, set)).id),
  ),
  'file-versions': command(
    'audit',
    oneFile,
    z.array(shownVersion.extend({ isNow: z.boolean(), isKept: z.boolean() })),
    async ({ db }, { set, path }) => (await versionsOf(db, set, path)).versions,
  ),
  'file-diff': command(
    'audit',
    oneFile.extend({ from: z.coerce.number().int().optional(), to: z.coerce.number().int().optional() }),
    z.object({
      from: z.int(),
      to: z.int(),
      lines: z.array(z.object({ is: z.enum(['same', 'added', 'removed', 'skipped']), text: z.string() })),
    }),
    ({ db }, { set, path, from, to }) => compareVersions(db, set, path, from, to),
  ),
  'file-restore': command(
    'change',
    oneFile.extend({ version: z.int().positive() }),
    z.object({ version: z.int() }),
    async ({ db, actor }, { set, path, version }) => ({ version: await restoreVersion(db, actor, set, path, version) }),
  ),
  'file-place-set': command(
    'change',
    z.strictObject({ set: text, dir: text, edits: edits.optional(), afterwards: text.optional() }),
    z.object({ dir: z.string(), edits, afterwards: z.string() }),
    ({ db, actor }, { set, ...input }) => setPlace(db, actor, set, input),
  ),
  'file-place-remove': command('change', z.strictObject({ set: text }), nothing, async ({ db, actor }, { set }) => {
    await endPlace(db, actor, set)
  }),
  'file-allowed-show': command('audit', none, shownAllowed, async ({ db }) => ({ ...allowed(db), roots: rootsOf(db) })),
  'file-allowed-change': command(
    'change',
    z.strictObject({
      roots: texts.optional(),
      units: texts.optional(),
      kilobytesPerSecond: z.number().optional(),
      maxFiles: z.number().optional(),
      maxMegabytes: z.number().optional(),
    }),
    shownAllowed,
    ({ db, actor }, input) => changeAllowed(db, actor, input),
  ),
  'file-receiving-set': command(
    'change',
    z.strictObject({ receives: z.boolean() }),
    nothing,
    async ({ db, actor }, { receives }) => {
      await setReceiving(db, actor, receives)
    },
  ),
  'certificates-renew': command(
    'change',
    z.strictObject({ node: text.optional() }),
    z.object({ issued: z.int() }),
    async ({ db, actor }, { node }) => ({ issued: await issueCertificates(db, actor, node ?? 'all') }),
  ),
}
