import { cancelOid } from './cancel.ts'
import { byMaster } from './forward.ts'
import { missedBy } from './lens.ts'
import type { Call } from './operations.ts'
import { modifyPassword } from './password-modify.ts'
import { isConfidential, whoIs } from './who.ts'
import { atEnd, readOctets, readText, tlv } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'

type ExtendedOperation = (call: Call, value: Buffer | undefined) => Result | Promise<Result>

/** RFC 4532. */
const whoAmI: ExtendedOperation = ({ session, services }) => {
  const { tree } = services.directory
  const { self } = whoIs(session, tree)
  // The machine itself is no entry.
  const name = session.isMachine ? 'u:this machine' : self ? `dn:${tree.dnOf(self)}` : ''
  return { code: resultCode.success, fields: [tlv(0x8b, name)] }
}

const startTlsOid = '1.3.6.1.4.1.1466.20037'

/** RFC 4511 section 4.14; the connection does it (connection.ts). */
const startTls: ExtendedOperation = ({ session, services }, value) => {
  if (value !== undefined) return { code: resultCode.protocolError, message: 'StartTLS takes no value.' }
  if (session.door !== 'plain')
    return { code: resultCode.operationsError, message: 'This connection is protected already.' }
  if (!services.secureContext) return { code: resultCode.unavailable, message: 'This node has no certificate yet.' }
  return { code: resultCode.success, fields: [tlv(0x8a, startTlsOid)], after: 'startTls' }
}

const passwordModify: ExtendedOperation = (call, value) =>
  isConfidential(call.session)
    ? byMaster((call) => modifyPassword(call, value))(call)
    : { code: resultCode.confidentialityRequired, message: 'Passwords need TLS here: use LDAPS or StartTLS.' }

const extendedOperations = new Map<string, ExtendedOperation>([
  ['1.3.6.1.4.1.4203.1.11.3', whoAmI],
  ['1.3.6.1.4.1.4203.1.11.1', passwordModify],
  [startTlsOid, startTls],
])

/** What the root DSE announces; StartTLS where the connection is in the clear. */
export const supportedExtensions = (withStartTls: boolean): readonly string[] =>
  [...extendedOperations.keys(), cancelOid].filter((oid) => oid !== startTlsOid || withStartTls)

/** RFC 4511 section 4.12. */
export function extended(call: Call): Result | Promise<Result> {
  const { body } = call.message
  const oid = readText(body, 0x80)
  const value = atEnd(body) ? undefined : readOctets(body, 0x81)
  const operation = extendedOperations.get(oid)
  if (operation) return operation(call, value)
  missedBy(call.services.lens, call.session)?.('operation', `extended ${oid}`)
  return { code: resultCode.protocolError, message: 'This extended operation is not known here.' }
}
