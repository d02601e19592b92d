/** What one client may take of the server. Each is a setting of the node: config.ts names it. */
export type Limits = {
  maxConnections: number
  /** Per address; loopback is exempt, because Samba and NSS open many from there. */
  maxConnectionsPerAddress: number
  /** `bound` is for services and administrators; people get no more than who has not signed in. */
  maxMessageBytes: { anonymous: number; bound: number }
  /** Parts of a filter, and how deep they may stand in one another. Samba asks for hundreds of names at once. */
  filterParts: { anonymous: number; bound: number }
  filterDepth: number
  /** Entries and seconds that one search may take at the most, whoever asks; the role of a client may set a lower bound. */
  maxEntries: number
  maxSeconds: number
  /** Searches that stay open to tell of changes (RFC 4533), of all connections; each keeps a list of what it has told. */
  maxSyncs: number
  /** Entries that may be held for clients who have not taken their next page, of all connections. */
  maxKeptEntries: number
  /** Until a TLS handshake is through. */
  handshakeMs: number
  /** Until a message is complete: the first one, and any one that has begun. */
  messageMs: number
  idleMs: { anonymous: number; bound: number }
  /** Until a client that does not read takes something again. */
  stalledMs: number
  /** Unsent bytes at which a connection takes no more requests. */
  unreadBytes: number
}

export const defaultLimits: Limits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 200,
  maxMessageBytes: { anonymous: 256 * 1024, bound: 4 * 1024 * 1024 },
  filterParts: { anonymous: 256, bound: 4096 },
  filterDepth: 20,
  maxEntries: Number.POSITIVE_INFINITY,
  maxSeconds: 300,
  maxSyncs: 100,
  maxKeptEntries: 5_000_000,
  handshakeMs: 10_000,
  messageMs: 30_000,
  idleMs: { anonymous: 2 * 60_000, bound: 30 * 60_000 },
  stalledMs: 60_000,
  unreadBytes: 256 * 1024,
}
