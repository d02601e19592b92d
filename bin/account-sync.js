#!/usr/bin/env -S node --max-semi-space-size=4
// The flag keeps V8's young generation small: a gateway has better use for 24 MB.

// Nothing that a node or a command writes is for others to read.
process.umask(0o077)
await import('../dist/server/cli/main.js')
