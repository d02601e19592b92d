import type { Role } from '../store/bodies.ts'

/** Who does something, and through which face. */
export type Actor = {
  name: string
  via: 'web' | 'api' | 'command line' | 'ldap' | 'replication' | 'this node'
  address?: string
  /** The person's id and role, when it is one who signed in; absent: whoever has the machine may do everything. */
  id?: string
  /** `samba`: the service that keeps Windows Networking, over LDAP. */
  role?: Role | 'samba'
  /** One import or one bulk edit: its rows in the audit belong together and are undone together. */
  batch?: string
  /** The request of a slave that this is done for: kept with the change, so that asking twice does it once. */
  request?: string
}

export const thisNode: Actor = { name: 'this node', via: 'this node' }
