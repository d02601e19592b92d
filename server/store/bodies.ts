/** What each kind of object carries. A body is the whole object as it is hashed, kept and sent; no field is derived. */
export type Status = 'enabled' | 'disabled' | 'locked'
export type Role = 'person' | 'administrator'
export type ClientRole = 'auth' | 'read' | 'samba'

export type UserBody = {
  username: string
  first: string
  last: string
  status: Status
  role: Role
  uidNumber: number
  /** PHC string (argon2id); absent while no password is set. */
  password?: string
  /** ISO 8601, when the password was set. */
  passwordChanged?: string
  /** Ids of groups. Membership is kept with the member: a group of 20,000 stays small, and joining one moves one person. */
  groups: string[]
  /** Names of plugins that are on for this person. */
  plugins: string[]
  /** extension name -> field name -> value. Unknown extensions are kept untouched. */
  extensions: Record<string, Record<string, unknown>>
  added: string
  changed: string
}

export type GroupBody = {
  name: string
  description: string
  gidNumber: number
  /** builtin: view only. `allusers` holds everyone without being listed in anybody's `groups`. */
  type: 'normal' | 'builtin'
  added: string
  changed: string
}

/** State of a declared extension in this cluster. */
export type ExtensionBody = { name: string; on: boolean }

/** State of a declared plugin, and the number of its group. */
export type PluginBody = { name: string; on: boolean; gidNumber: number }

/** The one object that names the directory. */
export type DomainBody = { baseDomain: string; added: string }

/** The next numbers to give out. Kept apart from the people, so that no number is ever given twice. */
export type NumbersBody = { uidNumber: number; gidNumber: number }

/** A service that binds to LDAP. */
export type ClientBody = { name: string; role: ClientRole; password: string; added: string }

/** A slave as the master knows it. */
export type DeviceBody = {
  deviceId: string
  name: string
  /** SHA-256 of its credential, hex. The credential has 256 random bits, so no slow hash is needed. */
  tokenHash: string
  status: 'active' | 'revoked'
  joined: string
}

export type Bodies = {
  domain: DomainBody
  numbers: NumbersBody
  extension: ExtensionBody
  plugin: PluginBody
  group: GroupBody
  user: UserBody
  client: ClientBody
  device: DeviceBody
}

export type Kind = keyof Bodies

/** Apply order: what others refer to comes first. */
export const kinds: readonly Kind[] = ['domain', 'numbers', 'extension', 'plugin', 'group', 'user', 'client', 'device']

export const isKnownKind = (kind: string): kind is Kind => (kinds as readonly string[]).includes(kind)

/** One object after a commit, as listeners get it. `body` is undefined once it is removed. */
export type Changed = { [K in Kind]: { kind: K; id: string; seq: number; body: Bodies[K] | undefined } }[Kind]
