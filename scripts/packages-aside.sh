#!/usr/bin/env bash
# Brings packages, with whatever they need that this machine has not, as files into a folder. They are not installed: what
# they do to the accounts of a machine (nsswitch, PAM) is for the private ones that tests start (test/interop/machine.ts).
# Those that are named come in any case: their questions have to be answered there, also where this machine has them.
# usage: packages-aside.sh FOLDER PACKAGE ...
set -euo pipefail

folder=$1
shift
[ "$(cat "$folder/names" 2>/dev/null)" = "$*" ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "These packages are needed, and only apt-get is known here to bring them: $*" >&2
  exit 1
fi
rm -rf "$folder"
mkdir -p "$folder/partial"
export DEBIAN_FRONTEND=noninteractive
bring() {
  apt-get install -y -qq --no-install-recommends --download-only --reinstall \
    -o Dir::Cache::archives="$folder/" -o Debug::NoLocking=1 -o APT::Sandbox::User=root "$@" >/dev/null
}
echo "fetching $*"
bring "$@" 2>/dev/null || { apt-get update -qq && bring "$@"; }
printf '%s' "$*" >"$folder/names"
