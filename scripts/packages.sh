#!/usr/bin/env bash
# The system packages that the tests need: installs what is missing where it may, and names it where it may not.
# usage: packages.sh COMMAND=PACKAGE FILE=PACKAGE ...   (a file begins with /)
set -euo pipefail

missing=()
for pair in "$@"; do
  wanted=${pair%%=*}
  if [[ $wanted == /* ]]; then
    [ -e "$wanted" ] || missing+=("${pair#*=}")
  else
    PATH="$PATH:/usr/sbin" command -v "$wanted" >/dev/null || missing+=("${pair#*=}")
  fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
echo "These packages are needed: ${missing[*]}" >&2
echo "Install them with: sudo apt-get install ${missing[*]}" >&2
exit 1
