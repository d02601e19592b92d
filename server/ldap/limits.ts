/** What one client may take of the server. */
export type Limits = {
  maxConnections: number
  /** Per address; loopback is exempt, because Samba and NSS open many from there. */
  maxConnectionsPerAddress: number
  maxMessageBytes: { anonymous: number; bound: number }
  /** Until a message is complete: the first one, and any one that has begun. */
  messageMs: number
  idleMs: { anonymous: number; bound: number }
  /** Until a client that does not read takes something again. */
  stalledMs: number
}

export const defaultLimits: Limits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 200,
  maxMessageBytes: { anonymous: 256 * 1024, bound: 4 * 1024 * 1024 },
  messageMs: 30_000,
  idleMs: { anonymous: 2 * 60_000, bound: 30 * 60_000 },
  stalledMs: 60_000,
}
