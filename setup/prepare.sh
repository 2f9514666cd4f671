#!/bin/bash
# Makes a bare Debian 12 machine ready for `make run` and its siblings: Debian packages, system user, virtual
# environment, translations. Usage: setup/prepare.sh run|test
#
# It runs as root (make calls it through sudo otherwise) and may run as often as you like: a stamp in the virtual
# environment remembers what was installed from which lock files, so that a second run does nothing and takes
# milliseconds. The machine's own mail services are neither configured nor started: Postfix is installed with
# debconf's "No configuration", and a policy-rc.d of ours, removed at the end, keeps every package from starting anything.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-run}

mail_packages=(postfix postfix-sqlite postfix-lmdb dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd
  dovecot-sieve dovecot-managesieved dovecot-sqlite)
# gettext: msgfmt for the panel's languages; openssl: the stack's self-signed certificate; sqlite3: a look into the tables.
packages=("${mail_packages[@]}" python3-venv gettext openssl sqlite3 ca-certificates)
# gcc: the load generator; patch: the sabotages; chromium and the Japanese fonts: browser tests and pictures; procps,
# iproute2: the stories look at processes and sockets; fail2ban: must ban no innocent (t26); roundcube: a webmail whose
# sessions end (t35), by PHP's own web server: php8.2-cgi stands in for the Apache module that php8.2 would pull in;
# the databases that sites keep their mailboxes in, of which the stories start one of their own (t45);
# libpango, libharfbuzz: reports as PDF; thunderbird: reads our autoconfig and logs in with it (t41);
# rspamd and clamd: warn of inbound mail and refuse malware (t56), without signatures or maps from elsewhere.
test_packages=(gcc libc6-dev patch chromium fonts-noto-cjk procps iproute2 fail2ban roundcube-core roundcube-plugins
  roundcube-sqlite3 php8.2-cli php8.2-cgi php8.2-sqlite3
  postgresql-15 mariadb-server-core mariadb-client postfix-pgsql postfix-mysql dovecot-pgsql dovecot-mysql
  libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 thunderbird rspamd clamav-daemon)
locks=(requirements-build.lock requirements.lock)
if [ "$purpose" = test ]; then
  packages+=("${test_packages[@]}")
  locks=(requirements-build.lock requirements-dev.lock)
fi

say() { printf 'setup: %s\n' "$*"; }

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
  local name
  for name in "${packages[@]}"; do installed "$name" || printf '%s\n' "$name"; done
}

policy=/usr/sbin/policy-rc.d
policy_is_ours=no
remove_policy() { if [ "$policy_is_ours" = yes ]; then rm -f "$policy"; fi; }
trap remove_policy EXIT

forbid_service_starts() {
  [ -e "$policy" ] && return
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  policy_is_ours=yes
}

# A service that came with our installation must not start at the next boot either.
keep_out_of_boot() {
  local unit
  for unit in "$@"; do
    if command -v systemctl >/dev/null; then systemctl disable --quiet "$unit" >/dev/null 2>&1 || true; fi
    if [ -e "/etc/init.d/$unit" ]; then update-rc.d "$unit" disable >/dev/null 2>&1 || true; fi
  done
}

install_packages() {
  local missing fresh=()
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || { say "this needs Debian's apt-get; install by hand: ${missing[*]}"; exit 1; }
  say "installing Debian packages: ${missing[*]}"
  installed postfix || fresh+=(postfix)
  installed dovecot-core || fresh+=(dovecot)
  forbid_service_starts
  if [ "$purpose" = test ] && ! installed roundcube-core; then
    # No database and no timers for an installation of the machine's own, which nobody uses.
    fresh+=(roundcube-gc.timer roundcube-cleandb.timer)
    echo 'roundcube-core roundcube/dbconfig-install boolean false' | debconf-set-selections
  fi
  if [ "$purpose" = test ] && ! installed rspamd; then fresh+=(rspamd); fi
  if [ "$purpose" = test ] && ! installed clamav-daemon; then
    # No downloads of signatures: the story's clamd has one of its own.
    fresh+=(clamav-daemon clamav-freshclam)
  fi
  if [ "$purpose" = test ] && ! installed postgresql-15; then
    # No cluster of the machine's own: a story's server lives in its own directory. (mariadb-server-core has no service.)
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/sekisho.conf
  fi
  if ! installed postfix; then
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
  fi
  export DEBIAN_FRONTEND=noninteractive
  # Old package lists answer 404; a failed update is no reason to stop where the lists are good enough.
  apt-get update -qq || say "apt-get update failed; trying with the package lists that are here"
  local output
  output=$(mktemp /tmp/sekisho-apt.XXXXXX)
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$output" 2>&1 ||
    { tail -n 30 "$output"; say "apt-get failed, its output is in $output"; exit 1; }
  rm "$output"
  [ ${#fresh[@]} -gt 0 ] && keep_out_of_boot "${fresh[@]}"
  # A missing mail server is an error here, not a skipped test later.
  [ -x /usr/sbin/postfix ] && [ -x /usr/sbin/dovecot ] || { say "Postfix or Dovecot is missing after installation"; exit 1; }
}

# Guard, worker and panel run as this user; Postfix is in its group because its SQLite maps read the site's database,
# and SQLite in WAL mode lets nobody read who may not write the -shm file.
make_user() {
  getent group sekisho >/dev/null || groupadd --system sekisho
  getent passwd sekisho >/dev/null ||
    useradd --system --gid sekisho --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sekisho
  id -nG postfix | grep -qw sekisho || usermod -aG sekisho postfix
}

make_environment() {
  local lock
  [ -x .venv/bin/python ] || { say "making the virtual environment"; /usr/bin/python3 -m venv .venv; }
  say "installing Python packages, each checked against its hash (${locks[*]})"
  for lock in "${locks[@]}"; do
    .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r "$lock"
  done
  # The project itself, editable; its build tool comes from requirements-build.lock instead of an unhashed download.
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
  # The user sekisho cannot write byte code here, and without it every process would compile us anew at its start.
  .venv/bin/python -m compileall -q src
}

# Debian's packages for the tests that are only unpacked, into a place of their own: tor-geoipdb depends on the Tor
# daemon, postfixadmin on a web server and a database of the machine's own.
unpack() {
  local place=$1 directory package fetch=(apt-get -o APT::Sandbox::User=root download -qq "${@:2}")
  say "fetching for the tests: ${*:2}"
  directory=$(mktemp -d /tmp/sekisho-deb.XXXXXX)
  (cd "$directory" && { "${fetch[@]}" 2>/dev/null || { apt-get update -qq && "${fetch[@]}"; }; }) ||
    { say "apt-get download failed: ${*:2}"; exit 1; }
  rm -rf "$place"
  for package in "$directory"/*.deb; do dpkg-deb -x "$package" "$place"; done
  rm -r "$directory"
}

# msgfmt by Django's own command: only where a .po is newer than its .mo.
compile_translations() {
  local catalogue stale=no
  while IFS= read -r catalogue; do
    [ "${catalogue%.po}.mo" -nt "$catalogue" ] || stale=yes
  done < <(find src/sekisho -name '*.po')
  if [ "$stale" = no ]; then return; fi
  (cd src/sekisho && ../../.venv/bin/django-admin compilemessages -v 0)
}

fingerprint() {
  sha256sum setup/prepare.sh pyproject.toml "${locks[@]}" | sha256sum | cut -d' ' -f1
}

stamp=.venv/.sekisho-$purpose
if [ "$(cat "$stamp" 2>/dev/null)" != "$(fingerprint)" ] || [ ! -x /usr/sbin/postfix ] || [ ! -x /usr/sbin/dovecot ]; then
  [ "$(id -u)" = 0 ] || { say "installing packages needs root: run it with sudo"; exit 1; }
  install_packages
  make_user
  make_environment
  if [ "$purpose" = test ]; then
    # Address data for the tests of their readers (8 MB); a PostfixAdmin before a story's stack (t44; 1.4 MB).
    unpack .venv/address-data tor-geoipdb libloc-database
    unpack .venv/postfixadmin postfixadmin
  fi
  fingerprint >"$stamp"
fi
compile_translations
