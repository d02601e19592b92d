#!/usr/bin/env bash
# Tests against other people's programs: OpenLDAP's clients and its server.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/packages.sh ldapsearch=ldap-utils slapd=slapd
exec bash scripts/run-tests.sh test/interop/*.test.ts
