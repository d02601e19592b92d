#!/usr/bin/env bash
# The fast tests: what needs no other program, no other process and no other node.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
exec bash scripts/run-tests.sh $(grep -L support/node.ts test/{store,accounts,extensions,ldap}/*.test.ts)
