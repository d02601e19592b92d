import type { IncomingMessage } from 'node:http'
import { RequestProblem } from './problem.ts'

/** So long a body that is too large is read on and dropped: who is still sending would not hear the answer. */
const patienceMs = 1000

/** The body of a request, whole. */
export async function readBody(req: IncomingMessage, most: number): Promise<Buffer> {
  const encoding = req.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity')
    throw new RequestProblem(415, 'content-encoding', 'The body must not be compressed.', {
      'accept-encoding': 'identity',
    })
  const parts: Buffer[] = []
  let isTooLarge = Number(req.headers['content-length'] ?? 0) > most
  let length = 0
  // Not `for await`: left early, that ends the connection before the answer.
  await new Promise<void>((resolve) => {
    let patience: NodeJS.Timeout | undefined
    const drop = () => {
      parts.length = 0
      patience ??= setTimeout(resolve, patienceMs)
    }
    if (isTooLarge) drop()
    req.on('data', (part: Buffer) => {
      length += part.length
      isTooLarge ||= length > most
      if (isTooLarge) drop()
      else parts.push(part)
    })
    for (const event of ['end', 'close', 'error'])
      req.once(event, () => {
        clearTimeout(patience)
        resolve()
      })
  })
  if (isTooLarge)
    throw new RequestProblem(
      413,
      'too-large',
      `The body is larger than the ${most / 1024 / 1024} MB that are taken here.`,
      {
        connection: 'close',
      },
    )
  if (!req.complete) throw new RequestProblem(400, 'broken-off', 'The request broke off.')
  return Buffer.concat(parts)
}
