import { z } from 'zod'
import { answered } from '../accounts/jobs.ts'
import { may } from '../accounts/roles.ts'
import { changeSettings, keptSettings } from '../accounts/settings.ts'
import { NotFound } from '../errors.ts'
import { noteBackup } from '../mode/backup-note.ts'
import { joinCodes, makeJoinCode, removeJoinCode } from '../mode/join-codes.ts'
import { noteKeyShown, rotateKey, synchronizationKey } from '../mode/key.ts'
import { setUpOwn } from '../mode/set-up.ts'
import { revokeDevice, setScope } from '../replication/devices.ts'
import { lagHistory } from '../replication/lags.ts'
import { latestReceipts, receiptOfRow } from '../replication/receipts.ts'
import { scrub } from '../replication/scrub.ts'
import { deviceStatuses, nodeStatus } from '../replication/status.ts'
import { reportStolen } from '../replication/stolen.ts'
import { sambaReport } from '../samba/reports.ts'
import type { Db } from '../store/db.ts'
import { type Call, command } from './command.ts'
import { setUpSlave } from './set-up-slave.ts'
import { expected, moment, none, nothing, text, texts } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const shownLag = z
  .object({
    at: moment,
    changes: z.int().optional(),
    seconds: z.number().optional(),
  })
  .meta({ id: 'Lag', description: 'How far a slave was behind at worst, in half an hour from this moment on.' })

const shownReceipt = z
  .object({
    id: z.int().meta({ description: 'The row of the audit that says what was done.' }),
    at: moment,
    actor: z.string(),
    sentence: z.string(),
    name: z.string(),
    people: z.int(),
    seq: z.int(),
    having: z.int().meta({ description: 'Nodes that have confirmed.' }),
    of: z.int(),
    isDone: z.boolean(),
    nodes: z.array(
      z.object({
        deviceId: z.string(),
        name: z.string(),
        has: z.boolean(),
        at: moment.optional(),
        since: moment.optional().meta({ description: 'Since when it is not reached.' }),
        problem: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Receipt', description: 'Which nodes have confirmed that somebody is shut out, or has a new password.' })

const shownJoinCode = z
  .object({
    code: z.string().meta({ description: 'Shown once.' }),
    name: z.string(),
    until: moment,
    command: z.string().meta({ description: 'What to type on the new node; it asks for the code.' }),
  })
  .meta({ id: 'JoinCode', description: 'Lets one device join once.' })

const shownDevice = z
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
    lagSeconds: z
      .number()
      .optional()
      .meta({ description: 'Since the first of them was made; of who has all, how long the last one took.' }),
    lastContact: moment.optional(),
    provedAt: moment.optional().meta({ description: 'When its state hash last agreed with the master’s.' }),
    certificateDays: z.int().optional(),
    certificates: z
      .array(z.object({ service: z.string(), until: moment }))
      .meta({ description: 'Of its services, the first to end first.' }),
    report: z
      .object({
        clockMs: z.number().optional().meta({ description: 'How far its clock is ahead of the master’s.' }),
        disk: z.object({ free: z.number(), total: z.number() }).optional(),
        certificateUntil: moment.optional(),
        web: z.string().optional(),
      })
      .optional()
      .meta({ description: 'What it told of itself.' }),
    samba: sambaReport.optional(),
    scope: z
      .object({ groups: texts.optional(), without: texts.optional() })
      .optional()
      .meta({ description: 'Which secrets it holds; absent: all. Groups by id, and kinds that do not travel.' }),
    stolen: moment.optional(),
    trouble: z
      .array(
        z.object({
          kind: z.enum(['bad', 'look']),
          code: z.string(),
          title: z.string(),
          text: z.string(),
          steps: texts,
        }),
      )
      .meta({ description: 'What is wrong, the worst first, each with what to do.' }),
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

const shownScrub = z
  .object({
    at: moment,
    seq: z.int(),
    objects: z.int(),
    damaged: z.int().meta({ description: 'Rows that are not as they were written.' }),
    isProven: z.boolean().meta({ description: 'What is kept adds up to the state hash.' }),
    mended: z.array(z.string()).meta({ description: 'Tables that were made anew from the feed.' }),
  })
  .meta({ id: 'Scrub', description: 'What the last look at everything that is kept has found.' })

const shownStatus = z
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
    scrub: shownScrub.optional(),
    master: shownMaster.optional(),
    newer: z
      .object({ epochNo: z.int(), name: z.string().optional(), url: z.string().optional() })
      .optional()
      .meta({ description: 'Another node is master since a newer epoch: this one changes nothing any more.' }),
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
  check: command('audit', none, shownScrub, ({ db }) => scrub(db)),
  'device-list': command('audit', none, z.array(shownDevice), ({ db }) => deviceStatuses(db)),
  'device-show': command('audit', z.strictObject({ device: text }), shownDevice, ({ db }, { device }) =>
    showDevice(db, device),
  ),
  'device-lag': command('audit', z.strictObject({ device: text }), z.array(shownLag), async ({ db }, { device }) => {
    const { deviceId } = await showDevice(db, device)
    return (await lagHistory(db, deviceId)).get(deviceId) ?? []
  }),
  'receipt-list': command('read', none, z.array(shownReceipt), ({ db }) => latestReceipts(db)),
  'receipt-show': command('read', z.strictObject({ row: z.coerce.number() }), shownReceipt, ({ db }, { row }) =>
    receiptOfRow(db, row),
  ),
  'device-revoke': command('change', z.strictObject({ device: text }), nothing, async ({ db, actor }, { device }) => {
    await revokeDevice(db, actor, device)
  }),
  'device-scope': command(
    'change',
    z.strictObject({
      device: text,
      groups: texts.optional().meta({ description: 'Names; the secrets of their people only. None: of everybody.' }),
      ntHashes: z.boolean().optional(),
    }),
    shownDevice,
    async ({ db, actor }, { device, ...scope }) => {
      await setScope(db, actor, device, scope)
      return showDevice(db, device)
    },
  ),
  'device-stolen': command(
    'change',
    z.strictObject({ device: text }),
    z.object({ people: z.int().meta({ description: 'Who must set a new password now.' }) }),
    async ({ db, actor }, { device }) => {
      const job = await answered(db, await reportStolen(db, actor, device, '/devices'))
      return { people: job.changed }
    },
  ),
  'join-code-add': command('change', z.strictObject({ name: text }), shownJoinCode, ({ db, actor }, { name }) =>
    makeJoinCode(db, actor, name),
  ),
  'join-code-list': command('change', none, z.array(shownJoinCode.pick({ name: true, until: true })), ({ db }) =>
    joinCodes(db),
  ),
  'join-code-remove': command('change', z.strictObject({ name: text }), nothing, async ({ db, actor }, { name }) => {
    await removeJoinCode(db, actor, name)
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
    z.strictObject({
      master: text,
      key: text,
      name: text.optional(),
      receiveFiles: z.boolean().default(true),
      wait: z.boolean().default(true),
    }),
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
