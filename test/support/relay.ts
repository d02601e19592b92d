import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP line between a slave and its master that can be cut, as lines are. */
export type Relay = {
  port: number
  /** After so many bytes from the master each connection is cut; undefined: it is not. */
  cutAfter: (bytes: number | undefined) => void
  /** Takes nothing and sends nothing, without closing. */
  hold: (isHeld: boolean) => void
  /** Cuts all connections now; those that come while it is shut, at once. */
  shut: (isShut: boolean) => void
  /** How often it was. */
  cuts: () => number
  close: () => Promise<void>
}

export async function openRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let limit: number | undefined
  let isHeld = false
  let isShut = false
  let cuts = 0
  const server = createServer((near) => {
    if (isShut) return void near.on('error', () => {}).destroy()
    const far = connect(target, '127.0.0.1')
    let passed = 0
    const end = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    near.on('data', (data) => far.write(data))
    far.on('data', (data) => {
      if (isHeld) return
      passed += data.length
      if (limit === undefined || passed <= limit) return void near.write(data)
      cuts++
      near.write(data.subarray(0, Math.max(0, data.length - (passed - limit))), end)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    cutAfter: (bytes) => {
      limit = bytes
    },
    hold: (held) => {
      isHeld = held
    },
    shut: (shut) => {
      isShut = shut
      if (shut) for (const socket of sockets) socket.destroy()
    },
    cuts: () => cuts,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
