export type FileSetKind = 'custom' | 'netlogon' | 'certificates'

/** Files that belong together. Where they lie is for each node to say: file-places.ts. */
export type FileSetBody = {
  name: string
  kind: FileSetKind
  /** Patterns of what is published from the master's directory; empty: everything. */
  include: string[]
  exclude: string[]
  /** Device IDs of the slaves that get it; absent: every one. */
  devices?: string[]
  /** All of it changes at once for who reads it. */
  whole?: boolean
  /** Certificates: for what each node gets one. */
  services?: string[]
  added: string
  changed: string
}

/** `sha256` names the blob, which lies outside the database. */
export type FileVersion = { version: number; sha256: string; size: number; mode: number; at: string }

export type FileBody = FileVersion & {
  set: string
  path: string
  /** Device ID of the only node that gets it. */
  for?: string
  /** The blob is sealed for that node. */
  sealed?: boolean
  /** When the certificate in it ends, ISO 8601. */
  until?: string
  /** The versions before, the latest first. */
  earlier: FileVersion[]
}
