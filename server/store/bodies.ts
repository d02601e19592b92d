import type { OwnExtension, OwnPlugin } from '../extensions/own.ts'
import type { FileBody, FileSetBody } from './file-bodies.ts'

/** What each kind of object carries. A body is the whole object as it is hashed, kept and sent; no field is derived. */
export type Status = 'enabled' | 'disabled' | 'locked'

/** What a person may do here besides owning an account. Owners of groups need no role. */
export type Role = 'person' | 'helpdesk' | 'auditor' | 'administrator'
export type ClientRole = 'auth' | 'read' | 'samba'

/** extension name -> field name -> value: a text, a number, a yes or no, or a list of texts. */
export type ExtensionValues = Record<string, Record<string, unknown>>

export type UserBody = {
  username: string
  first: string
  last: string
  /** What an administrator decided. `locked` without `lockedUntil` lasts until somebody unlocks. */
  status: Status
  role: Role
  uidNumber: number
  /** May sign in from this moment and until that one, ISO 8601. */
  validFrom?: string
  validUntil?: string
  /** Locked by the password policy until this moment, ISO 8601; the status stays what it was. */
  lockedUntil?: string
  /** When somebody last let them in again, ISO 8601: wrong passwords from before are forgotten at every node. */
  unlocked?: string
  /** PHC string (argon2id), or a hash of another system that came by import; absent while no password is set. */
  password?: string
  /** ISO 8601, when the password was set. */
  passwordChanged?: string
  /** Somebody else set the password: only setting a new one is possible with it. */
  mustChange?: boolean
  /** Hashes of earlier passwords, the latest first; as many as the policy asks for. */
  passwordHistory?: string[]
  /** A single-use link with which the person sets a password: SHA-256 of its secret, hex, and its end, ISO 8601. */
  invitation?: { tokenHash: string; until: string }
  /**
   * Ids of groups. Membership is kept with the member: a group of 20,000 stays small, and joining one moves one person. The
   * id of a group in the recycle bin stays here, so that undelete brings the members back.
   */
  groups: string[]
  /** Names of plugins that are on for this person. */
  plugins: string[]
  /** Unknown extensions are kept untouched. */
  extensions: ExtensionValues
  windows?: PersonInWindows
  added: string
  changed: string
}

/** What Windows Networking keeps of a person and no form shows. */
export type PersonInWindows = {
  /** Relative identifier where it is not the uidNumber. */
  rid?: number
  /** Letters of sambaAcctFlags that do not follow from the account. */
  flags?: string
  /** Wrong passwords as Samba has counted them, and when, in seconds since 1970. */
  bad?: { count: number; time: number }
  /** Attributes that nothing here reads, by name, as Samba wrote them. */
  attributes?: Record<string, string>
}

export type GroupBody = {
  name: string
  description: string
  gidNumber: number
  /**
   * builtin: view only. `allusers` holds everyone without being listed in anybody's `groups`. windows: members may be
   * changed; the group itself is part of Windows Networking.
   */
  type: 'normal' | 'builtin' | 'windows'
  /** Ids of the groups that this group is a member of; never a circle. */
  groups?: string[]
  /** Ids of people who may change the members without being administrators. */
  owners?: string[]
  extensions?: ExtensionValues
  windows?: GroupInWindows
  added: string
  changed: string
}

/** How a group stands in Windows Networking, where it differs from what follows from the group. */
export type GroupInWindows = {
  /** Relative identifier where it is not the gidNumber. */
  rid?: number
  displayName?: string
  /** Windows does not know it. */
  isUnmapped?: true
  /** SIDs of who is in a local group. */
  members?: string[]
}

/** State of a declared extension in this cluster. `own` declares one that was made here. */
export type ExtensionBody = { name: string; on: boolean; own?: OwnExtension }

/** State of a declared plugin, and the number of its group. `own` declares one that was made here. */
export type PluginBody = { name: string; on: boolean; gidNumber: number; own?: OwnPlugin }

/** A template for new people. Values may hold placeholders such as {first} and {username}. */
export type ProfileBody = {
  name: string
  description: string
  groups: string[]
  plugins: string[]
  extensions: Record<string, Record<string, string>>
  added: string
  changed: string
}

/** The password policy of everyone, or of a group's members; of several the strictest of each rule holds. */
export type PolicyBody = {
  /** Absent: the default, for everyone. */
  group?: string
  minLength: number
  /** 0 to 4, as zxcvbn scores; 0 does not ask. */
  minStrength: number
  /** Words that must not stand in a password; for the default policy only. */
  blocklist?: string[]
  /** How many earlier passwords must not come back. */
  history: number
  minAgeDays: number
  /** 0: passwords do not end. */
  maxAgeDays: number
  /** Days after `maxAgeDays` in which the password still signs in. */
  graceDays: number
  /** Wrong tries until the account is locked; 0 never locks. */
  lockAfter: number
  /** Minutes in which they must fall. */
  lockWindowMinutes: number
  /** Minutes until it opens by itself; 0: somebody has to unlock. */
  lockMinutes: number
  /** A password that somebody else set must be changed at the next sign-in. */
  mustChange: boolean
}

/** What was removed and can come back until `until`, ISO 8601. The object keeps its id. */
export type RemovedBody = { removed: string; until: string; by: string } & (
  | { kind: 'user'; body: UserBody }
  | { kind: 'group'; body: GroupBody }
)

/** What an administrator settles for the whole cluster. */
export type SettingsBody = {
  /** Days in the recycle bin. */
  binDays: number
  /** Fields that people may change on their own page, as `contact.mobile`. */
  ownFields: string[]
  /** Fields that people see of each other over LDAP, as `contact.mobile`; absent or empty: none, and nobody. */
  publishedFields?: string[]
  /** Sign-in on web pages only: hours until a first-password link ends. */
  invitationHours: number
}

/** Says that the entry of the object of this id is another one now, although the object is not: revisions.ts. */
export type RevisionBody = { changed: string; turn: number }

/** A bearer token of the API. */
export type TokenBody = {
  name: string
  role: Exclude<Role, 'person'>
  /** SHA-256 of the token, hex; it has 256 random bits, so no slow hash is needed. */
  tokenHash: string
  /** ISO 8601. */
  until: string
  added: string
  by: string
}

/** The one object that names the directory. */
export type DomainBody = { baseDomain: string; added: string }

/** The next numbers to give out. Kept apart from the people, so that no number is ever given twice. */
export type NumbersBody = { uidNumber: number; gidNumber: number }

/** A service that binds to LDAP. */
export type ClientBody = {
  name: string
  role: ClientRole
  password: string
  added: string
  /** Networks it may come from, as 10.1.0.0/16; absent or empty: from anywhere. */
  networks?: string[]
  /** Device ID of the node whose Samba it is: it goes with that. */
  device?: string
}

/** A slave as the master knows it. */
export type DeviceBody = {
  deviceId: string
  name: string
  /** Of its credential: mode/credential.ts. */
  tokenHash: string
  /** The credential before, which opens until then, ISO 8601. */
  earlier?: { tokenHash: string; until: string }
  status: 'active' | 'revoked'
  joined: string
  /** https://host:port where it would answer slaves, were it the master. */
  syncUrl?: string
  /** When it was said to be stolen, ISO 8601: from then on the people whose secrets it held set new passwords. */
  stolen?: string
  /** Which secrets travel to it; absent: all. */
  scope?: DeviceScope
  /** With what files are sealed that only it may read (X25519, base64), and the names it is reached by. */
  sealing?: { key: string; names: string[] }
}

/** Which secrets a slave holds; what is no secret travels everywhere. */
export type DeviceScope = {
  /** Ids of groups: the secrets of their people, and of nobody else; absent: of everybody. */
  groups?: string[]
  /** Kinds of objects that do not travel there, as nt-hash. */
  without?: string[]
  /** Ids of file sets that it does not get. It follows from the sets and is never kept. */
  withoutSets?: string[]
}

/** The Windows domain: one object. Its password policy is the one of everyone. */
export type WindowsBody = {
  /** NetBIOS name, as EXAMPLE. */
  name: string
  sid: string
  /** What Samba numbers next; ours are below. */
  nextRid: number
  /** What Samba asks of the domain beside passwords, by attribute. */
  settings: Record<string, number>
  added: string
  changed: string
}

/** A computer that has joined the Windows domain, or is about to. */
export type MachineBody = {
  /** With the `$` that it ends with. */
  name: string
  uidNumber: number
  /** Relative identifier; absent until it is an account of the domain. */
  rid?: number
  /** Letters of sambaAcctFlags. */
  flags: string
  displayName?: string
  description?: string
  /** ISO 8601. */
  passwordChanged?: string
  attributes?: Record<string, string>
  /** Device ID of the node whose Samba it is: it goes with that. */
  device?: string
  added: string
  changed: string
}

/** What Windows keeps of a password, under the id of whose it is; only while Windows Networking is on for them. */
export type NtHashBody = {
  of: 'user' | 'machine'
  /** AES-256-GCM with a key that is in no database: nt-hashes.ts. */
  sealed: string
}

/** An entry that Samba keeps in the directory for itself. */
export type KeptBody = {
  /** What it stands below. */
  below: 'base' | 'groups' | 'idmap' | 'windows'
  rdn: string
  classes: string[]
  values: Record<string, string[]>
  /** Values of the same shape that are secret, sealed as NT hashes are. */
  sealed?: string
  added: string
  changed: string
}

/** The cluster's key, sealed: every slave holds it, and only the recovery code opens it. All base64. */
export type RecoveryBody = {
  salt: string
  iv: string
  sealed: string
  /** ISO 8601. */
  made: string
}

export type Bodies = {
  domain: DomainBody
  numbers: NumbersBody
  settings: SettingsBody
  policy: PolicyBody
  extension: ExtensionBody
  plugin: PluginBody
  windows: WindowsBody
  group: GroupBody
  user: UserBody
  machine: MachineBody
  'nt-hash': NtHashBody
  kept: KeptBody
  revision: RevisionBody
  profile: ProfileBody
  removed: RemovedBody
  client: ClientBody
  token: TokenBody
  device: DeviceBody
  recovery: RecoveryBody
  'file-set': FileSetBody
  file: FileBody
}

export type Kind = keyof Bodies

/** Apply order: what others refer to comes first. */
const kinds: readonly Kind[] = [
  'domain',
  'numbers',
  'settings',
  'policy',
  'extension',
  'plugin',
  'windows',
  'group',
  'user',
  'machine',
  'nt-hash',
  'kept',
  'revision',
  'profile',
  'removed',
  'client',
  'token',
  'device',
  'recovery',
  'file-set',
  'file',
]

export const isKnownKind = (kind: string): kind is Kind => (kinds as readonly string[]).includes(kind)

/** One object after a commit, as listeners get it. `body` is undefined once it is removed. */
export type Changed = { [K in Kind]: { kind: K; id: string; seq: number; body: Bodies[K] | undefined } }[Kind]
