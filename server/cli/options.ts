import { type Command, InvalidArgumentError } from 'commander'

/** The data directory, wherever on the line it was named. */
export const dataOf = (command: Command): string => command.optsWithGlobals<{ data: string }>().data

/** For options that may be given more than once. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value]

/** `ext.field=value`, more than once; an empty value clears the field. */
export function collectValues(
  typed: string,
  before: Record<string, Record<string, string>> = {},
): Record<string, Record<string, string>> {
  const [, extension, field, value] = /^([^.=]+)\.([^.=]+)=(.*)$/s.exec(typed) ?? []
  if (!extension || !field || value === undefined)
    throw new InvalidArgumentError('It is written extension.field=value, as in contact.city=Toronto.')
  return { ...before, [extension]: { ...before[extension], [field]: value } }
}

export function positive(typed: string): number {
  const n = Number(typed)
  if (!Number.isSafeInteger(n) || n < 1) throw new InvalidArgumentError('It must be a whole number from 1 up.')
  return n
}

/** `key=value` words. */
export const pairsOf = (command: Command, words: string[]): [string, string][] =>
  words.map((word) => {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(word) ?? []
    return key === undefined || value === undefined
      ? command.error(`error: “${word}” must be written key=value`)
      : [key, value]
  })
