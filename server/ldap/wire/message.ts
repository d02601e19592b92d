import { checkNesting, Malformed, peekTag, type Reader, readConstructed, readerOf, readInteger, tag } from './ber.ts'
import { type Control, readControls } from './controls.ts'

/** An LDAPMessage (RFC 4511 section 4.1.1) whose operation is still to be read. */
export type Message = {
  id: number
  /** The tag byte of the protocolOp. */
  operation: number
  /** Over the value of the protocolOp. */
  body: Reader
  controls: Control[]
  /** All of it, as it came. */
  bytes: Buffer
}

const noControls: Control[] = []

export function readMessage(bytes: Buffer): Message {
  checkNesting(bytes)
  const message = readConstructed(readerOf(bytes), tag.sequence)
  const id = readInteger(message)
  // 0 is for the server's own notices, and the ids are 0..2^31-1.
  if (id <= 0) throw new Malformed(`messageID ${id}`)
  const operation = peekTag(message)
  const body = readConstructed(message, operation)
  const controls = message.at < message.end ? readControls(message) : noControls
  if (message.at < message.end) throw new Malformed('more after the message')
  return { id, operation, body, controls, bytes }
}
