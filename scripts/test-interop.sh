#!/usr/bin/env bash
# Tests against other people's programs: OpenLDAP's tools and its server, clients in other languages, logins by nslcd and sssd.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/packages.sh \
  ldapsearch=ldap-utils slapd=slapd ldapvi=ldapvi ip=iproute2 \
  /usr/lib/python3/dist-packages/ldap3/__init__.py=python3-ldap3 \
  /usr/share/perl5/Net/LDAP.pm=libnet-ldap-perl /usr/share/perl5/IO/Socket/SSL.pm=libio-socket-ssl-perl \
  javac=default-jdk-headless /usr/share/java/apache-directory-api-all.jar=libapache-directory-api-java

tests=(test/interop/*.test.ts)
if [ "$(id -u)" -eq 0 ]; then
  logins=$PWD/node_modules/.cache/logins
  ssh="pamtester openssh-server openssh-client"
  bash scripts/packages-aside.sh "$logins/nslcd" nslcd libnss-ldapd libpam-ldapd $ssh
  bash scripts/packages-aside.sh "$logins/sssd" sssd-ldap sssd-tools libnss-sss libpam-sss cracklib-runtime $ssh
  bash scripts/packages-aside.sh "$logins/samba" samba winbind libnss-winbind smbclient procps
  bash scripts/packages-aside.sh "$logins/samba-nslcd" samba winbind smbclient tdb-tools nslcd libnss-ldapd libnss-winbind procps
  mkdir -p "$logins/none" && touch "$logins/none/names"
elif [ -n "${CI:-}" ]; then
  echo "Logins are tried on private machines (namespaces), and those take root." >&2
  exit 1
else
  echo "LEFT OUT, because they take root: test/interop/{logins-*,samba,domain-*,netlogon}.test.ts (sudo npm run test:interop)" >&2
  for i in "${!tests[@]}"; do
    case ${tests[$i]##*/} in logins-* | samba.* | domain-* | netlogon.*) unset "tests[$i]" ;; esac
  done
fi
exec bash scripts/run-tests.sh "${tests[@]}"
