import { Malformed } from './ber.ts'

/** Cuts a stream of bytes into LDAP messages. */
export type Framer = {
  /** Takes what arrived; calls `onMessage` once for each complete message. Throws Malformed: nothing after it makes sense. */
  push: (chunk: Buffer) => void
  /** True while a message has begun and is not complete. */
  isPartial: () => boolean
}

const firstBuffer = 4096

/**
 * Messages are views on the chunk where possible. A message in several chunks is collected in a buffer that grows with what
 * has really arrived, so that a header announcing megabytes costs nothing, and byte-by-byte sending is not quadratic.
 */
export function createFramer(maxBytes: () => number, onMessage: (message: Buffer) => void): Framer {
  let kept: Buffer | undefined
  let keptLength = 0

  function keep(bytes: Buffer): void {
    const needed = keptLength + bytes.length
    if (!kept || kept.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(firstBuffer, needed, (kept?.length ?? 0) * 2))
      kept?.copy(grown, 0, 0, keptLength)
      kept = grown
    }
    bytes.copy(kept, keptLength)
    keptLength = needed
  }

  function push(chunk: Buffer): void {
    let bytes = chunk
    if (keptLength > 0) {
      keep(chunk)
      bytes = kept!.subarray(0, keptLength)
    }
    let at = 0
    while (at < bytes.length) {
      const size = messageSize(bytes, at, maxBytes())
      if (size === 0 || at + size > bytes.length) break
      onMessage(size === bytes.length ? bytes : bytes.subarray(at, at + size))
      at += size
    }
    if (keptLength > 0 && at === 0) return
    // Messages already handed out may be views on `kept`; it is given up, not reused.
    kept = undefined
    keptLength = 0
    if (at < bytes.length) keep(bytes.subarray(at))
  }

  return { push, isPartial: () => keptLength > 0 }
}

/** Size of the message that starts here with its header, or 0 while the header is not complete. */
function messageSize(bytes: Buffer, at: number, maxBytes: number): number {
  if (bytes[at] !== 0x30) throw new Malformed('this is not LDAP')
  if (at + 2 > bytes.length) return 0
  const first = bytes[at + 1]!
  let size = 2 + first
  if (first > 0x7f) {
    const octets = first & 0x7f
    if (octets === 0) throw new Malformed('indefinite length')
    if (octets > 4) throw new Malformed('a length that cannot be')
    if (at + 2 + octets > bytes.length) return 0
    let length = 0
    for (let i = 0; i < octets; i++) length = length * 256 + bytes[at + 2 + i]!
    size = 2 + octets + length
  }
  if (size > maxBytes) throw new Malformed(`a message of ${size} bytes, where ${maxBytes} are allowed`)
  return size
}
