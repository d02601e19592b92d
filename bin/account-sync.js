#!/usr/bin/env -S node --max-semi-space-size=4 --heap-growing-percent=30
// The flags keep V8 from taking memory that it does not need yet: a gateway has better use for 70 MB.

// Nothing that a node or a command writes is for others to read.
process.umask(0o077)
await import('../dist/server/cli/main.js')
