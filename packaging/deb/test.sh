#!/bin/bash
# Installs the package with dpkg in a Debian 12 of its own, uses it, removes and purges it: `make package-test`.
# Usage: test.sh DIRECTORY-OF-THE-PACKAGE. Needs root (chroot) and some minutes; nothing outside its directory changes.
set -euo pipefail
directory=$(realpath "$1")
package=$(ls "$directory"/sekisho_*.deb)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
base=$directory/debian12.tar

say() { printf 'package-test: %s\n' "$*"; }
fail() { say "FAILED: $*"; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/sekisho-chroot.XXXXXX")
root=$work/root
cleanup() {
  mountpoint -q "$root/proc" && umount "$root/proc"
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT

if [ ! -e "$base" ]; then
  say "a Debian 12 (debootstrap)"
  debootstrap --variant=minbase --include=python3,adduser bookworm "$root" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log"; fail "debootstrap"; }
  tar -C "$root" --exclude='./var/cache/apt/archives/*.deb' -cf "$base.new" . && mv "$base.new" "$base"
else
  mkdir "$root" && tar -C "$root" -xf "$base"
fi
mount -t proc proc "$root/proc"
cp "$package" "$root/tmp/sekisho.deb"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
# What a package may leave behind on any Debian: dpkg's own files and logs, backups of the user database.
files() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./run -o -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache \) \
    -prune -o -not -path './etc/*-' -not -path '*/__pycache__*' -print | LC_ALL=C sort)
}
files >"$work/before"
cp "$root/etc/passwd" "$root/etc/group" "$work/"

say "install"
inside dpkg -i /tmp/sekisho.deb
[ "$(stat -c '%a %U:%G' "$root/var/lib/sekisho/barrier")" = "755 root:root" ] || fail "the barrier's directory"
inside sh -c 'stat -c "%a %U:%G %n" /etc/sekisho/sekisho.toml /etc/sekisho/secrets /etc/sekisho/secrets/* /var/lib/sekisho/*'
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/sekisho-guard.service" ] || fail "a unit was enabled unasked"
for secret in auth-policy-key django-key; do
  [ "$(wc -c <"$root/etc/sekisho/secrets/$secret")" = 64 ] || fail "$secret"
done

say "use"
inside sekisho --version
# What `sekisho setup` would add on a host with Postfix and Dovecot. SQLite for both databases, so that nothing else is
# needed; the site's table is PostfixAdmin's.
{
  printf '%s\n' 'host = "mx01"' 'var = "/var/lib/sekisho"' 'barrier = "/var/lib/sekisho/barrier"'
  cat "$root/etc/sekisho/sekisho.toml"
  printf '%s\n' '[guard.policy]' 'port = 10031' '[guard.auth_policy]' 'port = 10040' '[guard.events]' 'port = 10041' \
    '[postfix]' 'config_directory = "/etc/postfix"' 'mail_log = "/var/log/mail.log"' \
    '[dovecot]' 'config_file = "/etc/dovecot/dovecot.conf"' \
    '[database]' 'name = "/var/lib/sekisho/db/sekisho.sqlite3"' \
    '[site_database]' 'name = "/var/lib/sekisho/db/site.sqlite3"' '[notices]'
} >"$work/sekisho.toml"
cat "$work/sekisho.toml" >"$root/etc/sekisho/sekisho.toml"
inside setpriv --reuid sekisho --regid sekisho --init-groups python3 -c '
import sqlite3, importlib.resources, sys
sys.path.insert(0, "/opt/sekisho/lib/python3.11/site-packages")
text = importlib.resources.files("sekisho.deploy").joinpath("templates/postfixadmin.sql").read_text()
sqlite3.connect("/var/lib/sekisho/db/site.sqlite3").executescript(text)'
inside setpriv --reuid sekisho --regid sekisho --init-groups sekisho migrate
inside sekisho migrate --check
# No mail server here: the doctor must say so, in JSON, with exit code 2 (something is broken), and not fall over.
code=0; inside sekisho doctor --json >"$work/doctor.json" || code=$?
python3 - "$work/doctor.json" <<'PYTHON' || fail "sekisho doctor --json"
import json, sys
checks = json.load(open(sys.argv[1]))
assert {"postfix", "dovecot"} <= {check["name"] for check in checks} and all({"name", "result"} <= set(check) for check in checks), checks[:2]
counts = {one: sum(check["result"] == one for check in checks) for one in sorted({check["result"] for check in checks})}
print("package-test: the doctor's", len(checks), "checks:", counts)
PYTHON
say "doctor's exit code is $code"
code=0; inside sekisho status --json >"$work/status.json" || code=$?
python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$work/status.json" || fail "sekisho status --json"
# The panel speaks Japanese: the translations are in the package.
inside /opt/sekisho/bin/python3 -c '
import gettext, sekisho.web, pathlib
root = pathlib.Path(sekisho.web.__file__).parent / "locale"
assert gettext.translation("django", root, ["ja"]), root'
say "the same version again, as an upgrade"
echo "# a line of the operator's" >>"$root/etc/sekisho/sekisho.toml"
before=$(cat "$root/etc/sekisho/secrets/auth-policy-key")
inside dpkg -i /tmp/sekisho.deb
grep -q "line of the operator's" "$root/etc/sekisho/sekisho.toml" || fail "the configuration was overwritten"
[ "$before" = "$(cat "$root/etc/sekisho/secrets/auth-policy-key")" ] || fail "a secret was made anew"

say "remove"
inside dpkg -r sekisho
[ -d "$root/var/lib/sekisho/barrier" ] && [ -e "$root/etc/sekisho/sekisho.toml" ] || fail "state did not outlive the removal"
[ ! -e "$root/opt/sekisho/bin/sekisho" ] || fail "the program is still there"

say "purge"
inside dpkg -P sekisho
files >"$work/after"
diff "$work/before" "$work/after" || fail "the purge left something behind"
for file in passwd group; do diff "$work/$file" "$root/etc/$file" || fail "the user is still there"; done
say "passed: installed, used, upgraded, removed, purged; nothing is left"
