#!/usr/bin/env bash
# The fast tests: everything that needs no other program.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
exec bash scripts/run-tests.sh test/{store,accounts,extensions,mode,replication,ldap,web,pull,api,cli}/*.test.ts
