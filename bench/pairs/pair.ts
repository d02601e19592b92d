import type { Server } from '../processes.ts'

/** Somebody who changes titles on the master, over a connection of their own. Resolves when the master has answered. */
export type Writer = { setTitle: (index: number, title: string) => Promise<void>; close: () => void }

/** A master and a slave of one product, as processes, with the same people in them. */
export type Pair = {
  name: 'account-sync' | 'slapd'
  base: string
  /** Entries of people, and where they stand. */
  people: number
  usersDn: string
  groupsDn: string
  /** Who reads: everything but secrets, on both sides. */
  reader: { dn: string; password: string }
  ldapPorts: { master: number; slave: number }
  /** LDAPS on the master. */
  tlsPort: number
  master: () => Server
  /** Undefined while it is stopped. */
  slave: () => Server | undefined
  startMaster: () => Promise<void>
  stopMaster: () => Promise<void>
  /** Only starts the process; whoever measures does the waiting. */
  startSlave: () => void
  stopSlave: () => Promise<void>
  /** A slave that is stopped, knows its master and has never received anything. */
  emptySlave: () => Promise<void>
  /** Where the master stands, and whether the slave stands there too and answers with it over LDAP. */
  position: () => Promise<string>
  isSlaveAt: (position: string) => Promise<boolean>
  openWriter: () => Promise<Writer>
  /** What has gone over the wire between master and slave. */
  bytes: () => number
  close: () => Promise<void>
}
