#!/usr/bin/env bash
# The fast tests: everything that needs no other program and no other process.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
exec bash scripts/run-tests.sh test/{store,accounts,extensions,mode,replication,samba,ldap,web,pull,api}/*.test.ts
