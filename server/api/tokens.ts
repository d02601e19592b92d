import { z } from 'zod'
import { addToken, mostDays, removeToken, tokenByName, tokenList } from '../accounts/tokens.ts'
import { command } from './command.ts'
import { moment, named, none, nothing, text } from './shapes.ts'

const role = z.enum(['administrator', 'helpdesk', 'auditor'])

const shownToken = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    added: moment,
    by: z.string(),
    until: moment,
    isOver: z.boolean(),
    lastUsed: moment.optional().meta({ description: 'On this node, since it started.' }),
  })
  .meta({ id: 'Token', description: 'A bearer token of this API, without its secret.' })

export const tokenCommands = {
  'token-list': command('audit', none, z.array(shownToken), ({ db }) => tokenList(db)),
  'token-show': command('audit', named, shownToken, ({ db }, { name }) => tokenByName(db, name)),
  'token-add': command(
    'change',
    z.strictObject({
      name: text,
      role,
      days: z
        .number()
        .optional()
        .meta({ description: `1 to ${mostDays}; 90 when not said.` }),
    }),
    z.object({ id: z.string(), name: z.string(), role, until: moment, token: z.string() }),
    ({ db, actor }, args) => addToken(db, actor, args),
  ),
  'token-remove': command('change', named, nothing, ({ db, actor }, { name }) => removeToken(db, actor, name)),
}
