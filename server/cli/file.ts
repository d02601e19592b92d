import { readFileSync, statSync } from 'node:fs'
import { messageOf, Refused } from '../errors.ts'

/** A file that was named on the command line, “-” is stdin; `most` bytes, for what is far too large is not even read. */
export function readGiven(file: string, most = Number.POSITIVE_INFINITY): Buffer {
  try {
    if (file !== '-' && statSync(file).size > most)
      throw new Refused(`${file} is larger than ${Math.floor(most / 1024 / 1024)} MB. Split it.`, 'too-large')
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    if (error instanceof Refused) throw error
    const { code = '' } = error as { code?: string }
    throw new Refused(sentences[code]?.(file) ?? `${file} cannot be read: ${messageOf(error)}`, 'no-file')
  }
}

const sentences: Record<string, (file: string) => string> = {
  ENOENT: (file) => `There is no file ${file}.`,
  EISDIR: (file) => `${file} is a folder, not a file.`,
  EACCES: (file) => `This user may not read ${file}.`,
}
