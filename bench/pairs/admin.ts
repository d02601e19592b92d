import { Agent, request } from 'node:http'
import { join } from 'node:path'

/** Commands to a node that runs, over its admin socket. */
export type Admin = { call: <T>(name: string, args: unknown) => Promise<T>; close: () => void }

export function openAdmin(dir: string): Admin {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const socketPath = join(dir, 'admin.sock')
  return {
    call: (name, args) =>
      new Promise((resolve, reject) => {
        const sent = request(
          { agent, socketPath, method: 'POST', path: `/v1/${name}`, headers: { 'content-type': 'application/json' } },
          async (response) => {
            let text = ''
            for await (const part of response) text += part
            if (response.statusCode === 200) resolve(JSON.parse(text))
            else reject(new Error(`${name}: ${text}`))
          },
        )
        sent.once('error', reject)
        sent.end(JSON.stringify(args))
      }),
    close: () => agent.destroy(),
  }
}
