import type { Command } from 'commander'
import type { Args } from '../api/commands.ts'
import { messageOf, Refused } from '../errors.ts'
import { call } from './call.ts'
import { readGiven } from './file.ts'
import { dataOf } from './options.ts'
import { count, printFacts, printJson, printTable, say } from './output.ts'

export function extensionCommands(program: Command): void {
  const extension = program.command('extension').description('what a profile holds beyond names and password')

  extension
    .command('list')
    .description('every extension with its fields, as --set names them')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const extensions = await call(dataOf(command), 'extension-list', {})
      if (json) return printJson(extensions)
      printTable(
        ['EXTENSION', 'STATE', 'USERS', 'FIELDS'],
        extensions.map((one) => [
          one.name,
          one.on ? 'on' : 'off',
          one.users,
          one.fields.map((field) => field.name).join(', '),
        ]),
      )
    })

  extension.command('show <name>').description('one extension').option('--json', 'print JSON').action(showExtension)

  for (const verb of ['enable', 'disable'] as const)
    extension
      .command(`${verb} <name>`)
      .description(`turn an extension ${verb === 'enable' ? 'on' : 'off; its values stay'}`)
      .action(async (name: string, _options: unknown, command: Command) => {
        await call(dataOf(command), 'extension-set', { name, on: verb === 'enable' })
        say(`${name} is ${verb === 'enable' ? 'on' : 'off'}.`)
      })

  extension
    .command('add <file>')
    .description('make an extension of your own, from a JSON file: {"title": …, "fields": [{"label": …, "type": …}]}')
    .option('--json', 'print JSON')
    .action(async (file: string, { json }: { json?: boolean }, command: Command) => {
      const made = await call(dataOf(command), 'extension-add', readJson(file))
      if (json) printJson(made)
      else say(`Made the extension ${made.name}; it is on.`)
    })

  extension
    .command('change <name> <file>')
    .description('change an extension of your own; “extension show NAME --json” prints its file as “own”')
    .option('--remove-values', 'fields that are left out go with their values')
    .action(async (name: string, file: string, { removeValues }: { removeValues?: boolean }, command: Command) => {
      const { misfits } = await call(dataOf(command), 'extension-change', { ...readJson(file), name, removeValues })
      say(`Changed the extension ${name}.`)
      if (misfits > 0)
        say(
          `${count(misfits, 'person has a value that does', 'people have values that do')} not fit it now; “extension misfits” lists them.`,
        )
    })

  extension
    .command('misfits <name>')
    .description('values that the rules of now would refuse; they stay until somebody changes them')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }, command: Command) => {
      const found = await call(dataOf(command), 'extension-misfits', { name })
      if (json) return printJson(found)
      const rows = found.items.map(({ username, field, value, problem }) => [username, field, value, problem])
      printTable(['USERNAME', 'FIELD', 'VALUE', 'WHY NOT'], rows)
      say(`${count(found.people, 'person', 'people')}.`)
    })

  extension
    .command('remove <name>')
    .description('remove an extension of your own, with all its values')
    .requiredOption('--yes', 'there is no way back')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { people } = await call(dataOf(command), 'extension-remove', { name })
      say(`Removed the extension ${name}; ${count(people, 'person', 'people')} had values in it.`)
    })

  extension
    .command('remove-values <name>')
    .description('remove all values of an extension that is off')
    .requiredOption('--yes', 'there is no way back')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { people, groups } = await call(dataOf(command), 'extension-remove-values', { name })
      say(`Removed the values of ${count(people, 'person', 'people')} and ${count(groups, 'group')}.`)
    })
}

async function showExtension(name: string, { json }: { json?: boolean }, command: Command): Promise<void> {
  const extension = await call(dataOf(command), 'extension-show', { name })
  if (json) {
    const own = extension.isOwn ? (await call(dataOf(command), 'extension-own', { name })).own : undefined
    return printJson({ ...extension, own })
  }
  printFacts({
    name: extension.name,
    title: extension.title,
    summary: extension.summary,
    state: extension.on ? 'on' : 'off',
    'object class': extension.objectClass,
    users: extension.users,
    groups: extension.groups,
  })
  say('')
  printTable(
    ['FIELD', 'LABEL', 'TYPE', 'ATTRIBUTE', 'COLUMN'],
    extension.fields.map((field) => [field.name, field.label, field.type, field.attribute, field.column]),
  )
  if (!extension.group) return
  say('')
  printTable(
    ['FIELD OF GROUPS', 'LABEL', 'TYPE', 'ATTRIBUTE'],
    extension.group.fields.map((field) => [field.name, field.label, field.type, field.attribute]),
  )
}

function readJson(file: string): Args<'extension-add'> {
  const text = readGiven(file).toString('utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refused(`${file} cannot be read as JSON: ${messageOf(error)}`, 'no-json')
  }
}
