import { z } from 'zod'
import {
  extensionList,
  type ListedExtension,
  needExtension,
  removeExtensionValues,
  setExtensionOn,
} from '../accounts/extensions.ts'
import { misfits } from '../accounts/misfits.ts'
import { addOwnExtension, changeOwnExtension, ownExtension, removeOwnExtension } from '../accounts/own-extensions.ts'
import type { Db } from '../store/db.ts'
import { command } from './command.ts'
import { expected, named, none, text, texts } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const shownField = z.object({
  name: z.string(),
  label: z.string(),
  attribute: z.string(),
  type: z.string(),
  required: z.boolean(),
  rule: z.string().optional().meta({ description: 'What is allowed, in words.' }),
  help: z.string().optional(),
  column: z.string().meta({ description: 'Column of a CSV file.' }),
})

const shownExtension = z
  .object({
    name: z.string(),
    title: z.string(),
    summary: z.string(),
    objectClass: z.string(),
    isOwn: z.boolean().optional().meta({ description: 'Made here, not by the program.' }),
    on: z.boolean(),
    users: z.int().meta({ description: 'How many people have a value in it.' }),
    groups: z.int().meta({ description: 'How many groups have a value in it.' }),
    fields: z.array(shownField),
    group: z.object({ objectClass: z.string(), fields: z.array(shownField) }).optional(),
    derived: z.array(z.string()).meta({ description: 'Attributes that follow from the values.' }),
    alias: z
      .object({ name: z.string(), objectClass: z.string(), attributes: z.array(z.string()) })
      .optional()
      .meta({ description: 'The other name it goes by, and what stands in LDAP under that name as well.' }),
  })
  .meta({ id: 'Extension', description: 'What a profile holds beyond names and password.' })

async function showExtension(db: Db, name: string): Promise<z.input<typeof shownExtension>> {
  const { name: own } = await needExtension(db, name)
  return (await extensionList(db)).find((one) => one.name === own) as ListedExtension
}

const ownField = z.strictObject({
  name: text.optional(),
  label: text.optional(),
  type: z.enum(['text', 'list', 'email', 'telephone', 'choice', 'number', 'switch', 'date']).optional(),
  attribute: text.optional(),
  help: text.optional(),
  required: z.boolean().optional(),
  maxLength: z.int().optional(),
  options: texts.optional(),
  least: z.int().optional(),
  most: z.int().optional(),
  pattern: text.optional().meta({ description: 'An RE2 pattern that the whole value must fit.' }),
  patternHelp: text.optional(),
})

const own = {
  title: text,
  summary: text.optional(),
  objectClass: text.optional(),
  fields: z.array(ownField).max(100),
}

const shownOwn = z
  .object({
    name: z.string(),
    seq: z.int(),
    on: z.boolean(),
    own: z.object({
      title: z.string(),
      summary: z.string(),
      objectClass: z.string(),
      fields: z.array(
        z.object({
          name: z.string(),
          label: z.string(),
          type: z.string(),
          attribute: z.string(),
          help: z.string().optional(),
          required: z.boolean().optional(),
          maxLength: z.int().optional(),
          options: z.array(z.string()).optional(),
          least: z.int().optional(),
          most: z.int().optional(),
          pattern: z.string().optional(),
          patternHelp: z.string().optional(),
        }),
      ),
    }),
  })
  .meta({ id: 'OwnExtension', description: 'An extension that was made here, as it is kept.' })

const shownMisfits = z.object({
  people: z.int().meta({ description: 'How many people have one.' }),
  items: z
    .array(
      z.object({
        username: z.string(),
        first: z.string(),
        last: z.string(),
        field: z.string(),
        value: z.string().meta({ description: 'Empty: one is needed, and there is none.' }),
        problem: z.string(),
      }),
    )
    .meta({ description: 'Those of the first hundred people.' }),
})

export const extensionCommands = {
  'extension-list': command('read', none, z.array(shownExtension), ({ db }) => extensionList(db)),
  'extension-show': command('read', named, shownExtension, ({ db }, { name }) => showExtension(db, name)),
  'extension-set': command('change', named.extend({ on: z.boolean() }), shownExtension, async ({ db, actor }, args) => {
    await setExtensionOn(db, actor, args.name, args.on)
    return showExtension(db, args.name)
  }),
  'extension-remove-values': command(
    'change',
    named,
    z.object({ people: z.int(), groups: z.int() }),
    ({ db, actor }, { name }) => removeExtensionValues(db, actor, name),
  ),
  'extension-misfits': command('read', named, shownMisfits, async ({ db }, { name }) => {
    const { people, rows } = await misfits(db, name)
    return { people, items: rows }
  }),
  'extension-own': command('read', named, shownOwn, ({ db }, { name }) => ownExtension(db, name)),
  'extension-add': command(
    'change',
    z.strictObject({ name: text.optional(), ...own }),
    shownOwn,
    ({ db, actor }, args) => addOwnExtension(db, actor, args),
  ),
  'extension-change': command(
    'change',
    z.strictObject({
      name: text,
      ...expected,
      ...own,
      removeValues: z.boolean().optional().meta({ description: 'Fields that are left out go with their values.' }),
    }),
    shownOwn
      .extend({ misfits: z.int().meta({ description: 'How many people have values that do not fit any more.' }) })
      .meta({ id: 'ChangedExtension' }),
    ({ db, actor }, { name, expectedSeq, removeValues, ...input }) =>
      unlessChanged(
        expectedSeq,
        () => ownExtension(db, name),
        () =>
          changeOwnExtension(db, actor, name, input, {
            ...(removeValues !== undefined && { removeValues }),
            ...(expectedSeq !== undefined && { expectedSeq }),
          }),
      ),
  ),
  'extension-remove': command('change', named, z.object({ people: z.int() }), ({ db, actor }, { name }) =>
    removeOwnExtension(db, actor, name),
  ),
}
