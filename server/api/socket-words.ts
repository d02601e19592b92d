/** What caller and node agree on. */
export const lines = 'application/x-ndjson'

/** Who types the command, percent-encoded; told by the caller, who must be the owner of the socket to call at all. */
export const callerHeader = 'account-sync-caller'
