import type { Socket } from 'node:net'

const usualSize = 160 * 1024
const copyBelow = 32 * 1024

/**
 * The bytes that the running request has written and no socket has got yet. There is one for the process: requests are
 * handled one after the other within a tick, and whoever writes flushes before the next one starts.
 */
export type Output = {
  bytes: Buffer
  length: number
  /** Makes room for `more` bytes; `bytes` may be another buffer afterwards. */
  reserve: (more: number) => void
  append: (bytes: Uint8Array) => void
  flush: (socket: Socket) => void
}

export function createOutput(initialSize = usualSize): Output {
  const output: Output = {
    bytes: Buffer.allocUnsafeSlow(initialSize),
    length: 0,
    reserve(more) {
      if (output.length + more <= output.bytes.length) return
      const grown = Buffer.allocUnsafeSlow(Math.max(output.bytes.length * 2, output.length + more))
      output.bytes.copy(grown, 0, 0, output.length)
      output.bytes = grown
    },
    append(bytes) {
      output.reserve(bytes.length)
      output.bytes.set(bytes, output.length)
      output.length += bytes.length
    },
    flush(socket) {
      if (output.length === 0) return
      const written = output.bytes.subarray(0, output.length)
      output.length = 0
      if (socket.destroyed) return
      if ('encrypted' in socket && written.length <= copyBelow) {
        // TLS holds on to what it was given for a while; a small answer is cheaper copied than the whole buffer given away.
        socket.write(Buffer.from(written))
        return
      }
      socket.write(written)
      // The kernel mostly takes everything at once, and then the same buffer serves the next request. When it has not,
      // the buffer belongs to the socket now.
      if (socket.writableLength > 0 || output.bytes.length > initialSize)
        output.bytes = Buffer.allocUnsafeSlow(initialSize)
    },
  }
  return output
}
