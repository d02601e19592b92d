import type { ServerResponse } from 'node:http'

/**
 * Aborted when who asked goes away before the whole answer is sent. Not by the end of every answer: the error that goes with an
 * abort costs more than a short answer does.
 */
export function whenGone(res: ServerResponse): AbortController {
  const gone = new AbortController()
  res.once('close', () => res.writableFinished || gone.abort())
  return gone
}
