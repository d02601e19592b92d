import { z } from 'zod'
import { addClient, clientList, removeClient } from '../accounts/clients.ts'
import { canonicalName } from '../accounts/names.ts'
import { NotFound } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { command } from './command.ts'
import { moment, named, none, nothing, text } from './shapes.ts'

const role = z.enum(['auth', 'read', 'samba'])

const shownClient = z
  .object({ id: z.string(), name: z.string(), role, dn: z.string(), added: moment })
  .meta({ id: 'Client', description: 'A service that binds to LDAP.' })

async function showClient(db: Db, typed: string): Promise<z.input<typeof shownClient>> {
  const client = (await clientList(db)).find(({ name }) => name === canonicalName(typed))
  if (!client) throw new NotFound(`There is no LDAP client “${typed}”.`)
  return client
}

export const clientCommands = {
  'client-list': command('audit', none, z.array(shownClient), ({ db }) => clientList(db)),
  'client-show': command('audit', named, shownClient, ({ db }, { name }) => showClient(db, name)),
  'client-add': command(
    'change',
    z.strictObject({ name: text, role }),
    z.object({ name: z.string(), dn: z.string(), password: z.string().meta({ description: 'Told this once.' }) }),
    ({ db, actor }, args) => addClient(db, actor, args),
  ),
  'client-remove': command('change', named, nothing, ({ db, actor }, { name }) => removeClient(db, actor, name)),
}
