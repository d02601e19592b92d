import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { Command } from 'commander'
import { program } from '../../server/cli/program.ts'

const page = new URL('../../docs/commands.md', import.meta.url)
const from = '## Every command\n'

// With WRITE_PAGE=1 the part is written anew.
test('docs/commands.md has every command with every option, and no other', async () => {
  const text = await readFile(page, 'utf8')
  const [head = ''] = text.split(from)
  const made = `${head}${from}${program.commands.map(section).join('')}`
  if (process.env.WRITE_PAGE) await writeFile(page, made)
  else assert.equal(text, made)
})

function section(top: Command): string {
  const all = leaves(top)
  const rows = all.map((one) => (one === top ? `${usage(one)}\n` : `${usage(one)}\n        ${one.description()}\n`))
  return `\n**${top.name()}** - ${top.description()}\n\n${rows.join('')}`
}

/** A command that does something: one without commands of its own, or with arguments or options beside them. */
const leaves = (command: Command): Command[] => {
  const does = command.commands.length === 0 || command.options.length > 0 || command.registeredArguments.length > 0
  return [...(does ? [command] : []), ...command.commands.flatMap(leaves)]
}

function usage(command: Command): string {
  const path: string[] = []
  for (let one: Command | null = command; one; one = one.parent) path.unshift(one.name())
  const words = [
    ...command.registeredArguments.map((argument) => {
      const { required, variadic, argChoices } = argument
      const word = argChoices ? argChoices.join('|') : `${argument.name().toUpperCase()}${variadic ? '...' : ''}`
      return required ? word : `[${word}]`
    }),
    ...command.options
      .filter(({ hidden }) => !hidden)
      .map(({ long, mandatory, argChoices, flags }) => {
        const value = /<(.+)>/.exec(flags)?.[1]
        const word = value ? `${long} ${argChoices ? argChoices.join('|') : value.toUpperCase()}` : `${long}`
        return mandatory ? word : `[${word}]`
      }),
  ]
  const lines = [`    ${path.join(' ')}`]
  for (const word of words)
    if (`${lines.at(-1)} ${word}`.length > 118) lines.push(`            ${word}`)
    else lines[lines.length - 1] += ` ${word}`
  return lines.join('\n')
}
