import { resultOf } from './not-done.ts'
import { operations, type Services } from './operations.ts'
import { newSession } from './who.ts'
import { Malformed } from './wire/ber.ts'
import { unknownCritical } from './wire/controls.ts'
import { readMessage } from './wire/message.ts'
import { createOutput } from './wire/output.ts'
import { requestTag } from './wire/request-tag.ts'
import { type Result, resultCode } from './wire/result.ts'

/** Who a request is done for that came to another node: pull/forward.ts. */
export type Behalf = {
  id: string
  isClient: boolean
  mustChange: boolean
  address: string
  site: string
  request: string
}

/** What changes accounts; nothing else is asked of a master. */
const changing: readonly number[] = [
  requestTag.add,
  requestTag.modify,
  requestTag.remove,
  requestTag.modifyDn,
  requestTag.extended,
]

/** Does one request as if it had come here, with the identity that somebody has at a slave. */
export async function answerOnBehalf(services: Services, behalf: Behalf, bytes: Buffer): Promise<Result> {
  const session = newSession(behalf.address, 'tls')
  Object.assign(session, {
    accountId: behalf.id,
    isClient: behalf.isClient,
    mustChange: behalf.mustChange,
    site: behalf.site,
    request: behalf.request,
    // The slave has judged where the client is.
    allowedBy: services.directory.tree.entryById(behalf.id)?.account?.from,
  })
  try {
    const message = readMessage(bytes)
    const operation = operations.get(message.operation)
    if (!operation || !changing.includes(message.operation)) throw new Malformed('no request that changes anything')
    const unknown = unknownCritical(message.controls, message.operation)
    if (unknown)
      return { code: resultCode.unavailableCriticalExtension, message: `Control ${unknown.oid} is not known here.` }
    const result = await operation.run({ message, session, services, output: createOutput(0) })
    if (!('code' in result) || result.after) throw new Malformed('no request that changes anything')
    return result
  } catch (error) {
    const result = resultOf(error)
    if (!result) throw error
    return result
  }
}
