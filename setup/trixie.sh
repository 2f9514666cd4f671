#!/bin/bash
# Makes a directory tree of Debian 13 (trixie) with its Dovecot 2.4, beside the machine's own Debian 12, for
# `make dovecot24`. Usage: setup/trixie.sh DIRECTORY
#
# It takes the mirror that apt is configured with, needs root, about 350 MB and two minutes, and may run as often as you
# like: a stamp in the tree remembers what was installed. Nothing of the tree is started here, and nothing outside of it
# is changed but debootstrap, which is installed where it is missing.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: setup/trixie.sh DIRECTORY" >&2; exit 2; }
tree=$1
suite=trixie
# The same packages as setup/prepare.sh installs of Debian 12's Dovecot.
packages=(dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-sieve dovecot-managesieved dovecot-sqlite)

say() { printf 'setup: %s\n' "$*"; }

stamp=$tree/.sekisho-trixie
wanted=$(printf '%s\n' "$suite" "${packages[@]}" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$tree/usr/sbin/dovecot" ]; then exit 0; fi
[ "$(id -u)" = 0 ] || { say "making a Debian tree needs root: run it with sudo"; exit 1; }
# Never into a directory that holds something else.
if [ -d "$tree" ] && [ ! -e "$tree/.sekisho-tree" ] && [ -n "$(ls -A "$tree")" ]; then
  say "$tree is not empty and not ours"; exit 1
fi

export DEBIAN_FRONTEND=noninteractive
if ! command -v debootstrap >/dev/null; then
  say "installing debootstrap"
  apt-get install -y -qq --no-install-recommends debootstrap >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; }
fi
# Debian's own archive as apt reaches it here; security and updates have names of their own.
mirror=$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main' | head -n 1)
[ -n "$mirror" ] || { say "apt knows no Debian mirror (apt-get update?)"; exit 1; }

say "making a Debian 13 tree in $tree"
rm -rf --one-file-system "$tree"
mkdir -p "$tree"
touch "$tree/.sekisho-tree"
output=$(mktemp /tmp/sekisho-trixie.XXXXXX)
# minbase and no recommendations: Dovecot alone. debootstrap keeps services from starting while it works.
debootstrap --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" "$suite" "$tree" "$mirror" >"$output" 2>&1 ||
  { tail -n 20 "$output"; say "debootstrap failed, its output is in $output"; exit 1; }
rm -f "$output"
chroot "$tree" apt-get clean
[ -x "$tree/usr/sbin/dovecot" ] || { say "the tree has no Dovecot"; exit 1; }
echo "$wanted" >"$stamp"
say "Dovecot $(chroot "$tree" dovecot --version) is in $tree"
