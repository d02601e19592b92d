import type { Call } from './operations.ts'
import { whoIs } from './who.ts'
import { atEnd, readOctets, readText, tlv } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'

type ExtendedOperation = (call: Call, value: Buffer | undefined) => Result | Promise<Result>

/** RFC 4532. */
const whoAmI: ExtendedOperation = ({ session, services }) => {
  const { tree } = services.directory
  const { self } = whoIs(session, tree)
  return { code: resultCode.success, fields: [tlv(0x8b, self ? `dn:${tree.dnOf(self)}` : '')] }
}

const extendedOperations = new Map<string, ExtendedOperation>([['1.3.6.1.4.1.4203.1.11.3', whoAmI]])

/** What the root DSE announces. */
export const supportedExtensions: readonly string[] = [...extendedOperations.keys()]

/** RFC 4511 section 4.12. */
export function extended(call: Call): Result | Promise<Result> {
  const { body } = call.message
  const oid = readText(body, 0x80)
  const value = atEnd(body) ? undefined : readOctets(body, 0x81)
  const operation = extendedOperations.get(oid)
  if (!operation) return { code: resultCode.protocolError, message: 'This extended operation is not known here.' }
  return operation(call, value)
}
