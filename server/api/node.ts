import { z } from 'zod'
import { may } from '../accounts/roles.ts'
import { changeSettings, keptSettings } from '../accounts/settings.ts'
import { NotFound } from '../errors.ts'
import { noteBackup } from '../mode/backup-note.ts'
import { noteKeyShown, rotateKey, synchronizationKey } from '../mode/key.ts'
import { setUpOwn } from '../mode/set-up.ts'
import { revokeDevice } from '../replication/devices.ts'
import { deviceStatuses, nodeStatus } from '../replication/status.ts'
import type { Db } from '../store/db.ts'
import { type Call, command } from './command.ts'
import { setUpSlave } from './set-up-slave.ts'
import { expected, moment, none, nothing, text, texts } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

export const shownDevice = z
  .object({
    deviceId: z.string(),
    name: z.string(),
    status: z.enum(['active', 'revoked']),
    state: z.enum(['equal', 'behind', 'away', 'revoked']),
    address: z.string().optional(),
    version: z.string().optional(),
    joined: moment,
    seq: z.int().optional(),
    lag: z.int().meta({ description: 'Changes it has not confirmed.' }),
    lastContact: moment.optional(),
  })
  .meta({ id: 'Device', description: 'A slave, as its master sees it.' })

const shownMaster = z.object({
  url: z.string(),
  name: z.string(),
  webUrl: z.string().optional(),
  reachable: z.boolean(),
  since: z.string(),
  lastContact: moment.optional(),
  lagSeconds: z.number(),
  phase: z.string(),
  received: z.int(),
  total: z.int(),
  problem: z.string().optional(),
  provedAt: moment.optional(),
})

export const shownStatus = z
  .object({
    deviceId: z.string(),
    name: z.string(),
    mode: z.enum(['standalone', 'master', 'slave']).optional(),
    version: z.string(),
    clusterId: z.string(),
    epoch: z.object({ no: z.int(), id: z.string() }),
    seq: z.int(),
    stateHash: z.string(),
    objects: z.int(),
    users: z.int(),
    groups: z.int(),
    startedAt: moment.optional(),
    baseDomain: z.string().optional(),
    master: shownMaster.optional(),
    devices: z.array(shownDevice).meta({ description: 'Empty for who may not see the fleet.' }),
  })
  .meta({ id: 'Status', description: 'What a node is, and how it stands to its master or its slaves.' })

async function showStatus({ db, actor }: Pick<Call, 'db' | 'actor'>): Promise<z.input<typeof shownStatus>> {
  const status = await nodeStatus(db)
  return actor.role === undefined || may(actor.role, 'audit') ? status : { ...status, devices: [] }
}

async function showDevice(db: Db, id: string): Promise<z.input<typeof shownDevice>> {
  const device = (await deviceStatuses(db)).find(({ deviceId }) => deviceId === id)
  if (!device) throw new NotFound(`There is no device “${id}”.`)
  return device
}

const shownSettings = z
  .object({
    seq: z.int(),
    binDays: z.int().meta({ description: 'Days in the recycle bin.' }),
    ownFields: z
      .array(z.string())
      .meta({ description: 'Fields that people may change themselves, as contact.mobile.' }),
    publishedFields: z
      .array(z.string())
      .meta({ description: 'Fields that people see of each other over LDAP; empty: nobody sees anybody.' }),
    invitationHours: z.int().meta({ description: 'Hours until a first-password link ends.' }),
  })
  .meta({ id: 'Settings' })

export const nodeCommands = {
  status: command('read', none, shownStatus, showStatus),
  'device-list': command('audit', none, z.array(shownDevice), ({ db }) => deviceStatuses(db)),
  'device-show': command('audit', z.strictObject({ device: text }), shownDevice, ({ db }, { device }) =>
    showDevice(db, device),
  ),
  'device-revoke': command('change', z.strictObject({ device: text }), nothing, async ({ db, actor }, { device }) => {
    await revokeDevice(db, actor, device)
  }),
  'settings-show': command('audit', none, shownSettings, ({ db }) => keptSettings(db)),
  'settings-change': command(
    'change',
    z.strictObject({
      ...expected,
      binDays: z.number().optional(),
      ownFields: texts.optional(),
      publishedFields: texts.optional(),
      invitationHours: z.number().optional(),
    }),
    shownSettings,
    async ({ db, actor }, { expectedSeq, ...input }) => {
      const read = () => keptSettings(db)
      await unlessChanged(expectedSeq, read, () => changeSettings(db, actor, input, expectedSeq))
      return read()
    },
  ),

  setup: command(
    'change',
    z.strictObject({
      mode: z.enum(['master', 'standalone']),
      domain: text,
      admin: text,
      password: text,
      first: text.optional(),
      last: text.optional(),
      name: text.optional(),
    }),
    shownStatus,
    async (call, args) => {
      await setUpOwn(call.db, call.actor, args)
      return showStatus(call)
    },
  ),
  'setup-slave': command(
    'change',
    z.strictObject({ master: text, key: text, name: text.optional(), wait: z.boolean().default(true) }),
    shownStatus,
    setUpSlave,
  ),
  'backup-note': command('change', z.strictObject({ file: text }), nothing, async ({ db, actor }, { file }) => {
    await noteBackup(db, actor, file)
  }),
  'key-show': command('change', none, z.object({ key: z.string() }), async ({ db, actor }) => {
    const key = await synchronizationKey(db)
    await noteKeyShown(db, actor)
    return { key }
  }),
  'key-rotate': command('change', none, z.object({ key: z.string() }), async ({ db, actor }) => ({
    key: await rotateKey(db, actor),
  })),
}
