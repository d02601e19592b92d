import { type Server, stop, until } from '../processes.ts'
import { hasDirectory, type NodePorts, nodePorts, serveNode } from './account-sync.ts'
import { type Admin, openAdmin } from './admin.ts'

/** One node of ours by itself, with what is in its folder. */
export type Node = {
  name: string
  dir: string
  ports: NodePorts
  admin: Admin
  server: () => Server
  /** Only starts the process. `told`: it tells what goes on inside. */
  launch: (told?: boolean) => void
  /** Resolves with the milliseconds until LDAP answers. */
  start: (told?: boolean) => Promise<number>
  stop: () => Promise<void>
  close: () => Promise<void>
}

export async function openNode(name: string, dir: string, profile: string | undefined): Promise<Node> {
  const ports = await nodePorts()
  const admin = openAdmin(dir)
  let server: Server | undefined
  const node: Node = {
    name,
    dir,
    ports,
    admin,
    server: () => server!,
    launch: (told) => {
      server = serveNode(name, dir, ports, profile, told)
    },
    start: async (told) => {
      const began = performance.now()
      node.launch(told)
      await until(`The start of ${name}`, () => hasDirectory(ports.ldap), 5, server)
      return performance.now() - began
    },
    stop: async () => {
      await stop(server)
      server = undefined
    },
    close: async () => {
      await node.stop()
      admin.close()
    },
  }
  return node
}
