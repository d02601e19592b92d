/** Who does something, and through which face. */
export type Actor = {
  name: string
  via: 'web' | 'command line' | 'replication' | 'this node'
  address?: string
}

export const thisNode: Actor = { name: 'this node', via: 'this node' }
