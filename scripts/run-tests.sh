#!/usr/bin/env bash
# Runs test files with node's runner and fails when none was run: a runner that finds nothing looks green.
# Whatever takes five minutes hangs: no test asserts a time of its own.
# usage: run-tests.sh FILE...
set -uo pipefail

[ $# -gt 0 ] || { echo "no test files were named" >&2; exit 1; }
report=$(mktemp)
trap 'rm -f "$report"' EXIT
node --import tsx --test --test-force-exit --test-timeout=300000 --test-concurrency="${TEST_CONCURRENCY:-2}" --test-reporter=spec "$@" | tee "$report"
status=${PIPESTATUS[0]}
ran=$(sed -nE 's/^ℹ tests ([0-9]+)$/\1/p' "$report" | tail -1)
if [ "${ran:-0}" -eq 0 ]; then
  echo "no test was run" >&2
  exit 1
fi
exit "$status"
