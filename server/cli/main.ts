import { CommanderError } from 'commander'
import { Invalid, messageOf } from '../errors.ts'
import { tell } from './output.ts'
import { program } from './program.ts'

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = explain(error)
}

/** One clear line on stderr (each problem its own); returns the exit code: 1 refused or failed, 2 usage. */
function explain(error: unknown): number {
  // Help, version and usage were printed by commander itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const lines =
    error instanceof Invalid
      ? Object.entries(error.problems).map(([field, sentence]) => (field ? `${field}: ${sentence}` : sentence))
      : [messageOf(error).replace(/\s*\n\s*/g, ' ')]
  tell(lines.join('\n'))
  return 1
}
