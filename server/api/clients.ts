import { z } from 'zod'
import {
  addClient,
  type Client,
  changeClient,
  clientByName,
  clientList,
  forgetMisses,
  removeClient,
  renewClientPassword,
} from '../accounts/clients.ts'
import type { Db } from '../store/db.ts'
import { command } from './command.ts'
import { expected, moment, named, none, nothing, text, texts } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const role = z.enum(['auth', 'read', 'samba'])

const shownClient = z
  .object({
    id: z.string(),
    seq: z.int(),
    name: z.string(),
    role,
    dn: z.string(),
    added: moment,
    networks: z.array(z.string()).meta({ description: 'Where it may come from; empty: anywhere.' }),
    lastUsed: moment.optional().meta({ description: 'At this node.' }),
    lastAddress: z.string().optional(),
    missed: z.int().meta({
      description:
        'How many things it asked this node for and did not get, without those that are known to be harmless.',
    }),
  })
  .meta({ id: 'Client', description: 'A service that binds to LDAP.' })

const shown = ({ lastUse, ...client }: Client): z.input<typeof shownClient> => ({
  ...client,
  ...(lastUse && { lastUsed: lastUse.at, lastAddress: lastUse.address }),
})

const shownMiss = z
  .object({
    kind: z.string(),
    what: z.string(),
    count: z.int(),
    first: moment,
    last: moment,
    means: z.string().meta({ description: 'What it means and what to do, for a person.' }),
    isHarmless: z.boolean(),
  })
  .meta({ id: 'ClientMiss', description: 'Something that a client asked this node for and did not get.' })

const networks = texts.optional().meta({ description: 'The whole list, as 10.1.0.0/16; empty: anywhere.' })

const secret = z.object({
  name: z.string(),
  dn: z.string(),
  password: z.string().meta({ description: 'Told this once.' }),
})

const clientOf = async (db: Db, name: string): Promise<Client> => (await clientByName(db, name)).client

export const clientCommands = {
  'client-list': command('audit', none, z.array(shownClient), async ({ db }) => (await clientList(db)).map(shown)),
  'client-show': command('audit', named, shownClient, async ({ db }, { name }) => shown(await clientOf(db, name))),
  'client-misses': command(
    'audit',
    named,
    z.array(shownMiss),
    async ({ db }, { name }) => (await clientByName(db, name)).misses,
  ),
  'client-forget': command('change', named, nothing, ({ db, actor }, { name }) => forgetMisses(db, actor, name)),
  'client-add': command('change', z.strictObject({ name: text, role, networks }), secret, ({ db, actor }, args) =>
    addClient(db, actor, args),
  ),
  'client-change': command(
    'change',
    z.strictObject({ client: text, ...expected, networks }),
    shownClient,
    ({ db, actor }, { client, expectedSeq, ...input }) =>
      unlessChanged(
        expectedSeq,
        () => clientOf(db, client),
        async ({ name }) => {
          await changeClient(db, actor, name, input, expectedSeq)
          return shown(await clientOf(db, name))
        },
      ),
  ),
  'client-password': command('change', named, secret, ({ db, actor }, { name }) =>
    renewClientPassword(db, actor, name),
  ),
  'client-remove': command('change', named, nothing, ({ db, actor }, { name }) => removeClient(db, actor, name)),
}
