#!/usr/bin/env bash
# All of it: build, types and style, fast tests, nodes and their pages, whole journeys with real processes, OpenLDAP, a real browser, torture.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/packages.sh ldapsearch=ldap-utils slapd=slapd chromium=chromium
npm run build
npm run check
bash scripts/test-unit.sh
bash scripts/run-tests.sh $(grep -l support/node.ts test/{store,accounts,extensions,ldap}/*.test.ts) test/{mode,samba,api,replication,filesync,web}/*.test.ts
bash scripts/run-tests.sh test/cli/*.test.ts
bash scripts/test-interop.sh
bash scripts/run-tests.sh test/stories/*.test.ts test/browser/*.test.ts
node --import tsx test/torture/torture.ts --seconds 60
