import { Invalid } from '../errors.ts'
import { RequestProblem } from './problem.ts'

/**
 * Runs a change of what the caller saw. `expectedSeq` is its seq then: when somebody else was faster, nothing is done and
 * the answer is 412 (RFC 9110, If-Match).
 */
export async function unlessChanged<T extends { seq: number }, R>(
  expectedSeq: number | undefined,
  read: () => Promise<T>,
  run: (found: T) => Promise<R>,
): Promise<R> {
  const found = await read()
  if (expectedSeq !== undefined && found.seq !== expectedSeq) throw changedSince(found.seq)
  try {
    return await run(found)
  } catch (error) {
    // The domain looks once more inside its transaction, and says so as a problem of the form.
    if (expectedSeq === undefined || !(error instanceof Invalid) || error.problems[''] === undefined) throw error
    const { seq } = await read()
    throw seq === expectedSeq ? error : changedSince(seq)
  }
}

const changedSince = (seq: number): RequestProblem =>
  new RequestProblem(
    412,
    'changed',
    `Nothing was done: it was changed since (it is at ${seq} now). Read it again first.`,
  )
