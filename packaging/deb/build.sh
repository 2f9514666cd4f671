#!/bin/bash
# Builds sekisho_VERSION_ARCHITECTURE.deb for Debian 12 with plain dpkg-deb: `make deb`. Usage: build.sh [DIRECTORY]
#
# The package holds a virtual environment under /opt/sekisho that rests on Debian's own python3, every Python package
# checked against its hash in the lock files. Root is not needed. Byte code is validated by hash, since the files' times are
# those of the last commit.
set -euo pipefail
cd "$(dirname "$0")/../.."
output=$(realpath -m "${1:-build}")
here=packaging/deb
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
architecture=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
staging=$(mktemp -d "${TMPDIR:-/tmp}/sekisho-package.XXXXXX")
trap 'rm -rf "$staging"' EXIT
root=$staging/root
umask 022

say() { printf 'deb: %s\n' "$*"; }

# Lines of a lock file that belong to these projects.
only() { awk -v names=" $* " '/^[a-z0-9]/ { split($1, part, "=="); keep = index(names, " " part[1] " ") } keep' requirements-dev.lock; }

say "the program and its packages"
mkdir -p "$root/opt"
/usr/bin/python3 -m venv --without-pip "$root/opt/sekisho"
pip() { .venv/bin/python -m pip --python "$root/opt/sekisho/bin/python" "$@"; }
# Drivers of the databases a site may have; the rest is requirements.lock.
only psycopg psycopg-binary pymysql >"$staging/drivers.lock"
install=(install -qq --disable-pip-version-check --no-compile --require-hashes --no-deps)
pip "${install[@]}" -r requirements.lock -r "$staging/drivers.lock"
.venv/bin/python -m pip wheel -qq --disable-pip-version-check --no-build-isolation --no-deps -w "$staging" .
pip install -qq --disable-pip-version-check --no-compile --no-deps --no-index "$staging"/sekisho-*.whl

say "paths and byte code as they are on the target"
sed -i "s|$root||g" "$root/opt/sekisho/pyvenv.cfg" "$root"/opt/sekisho/bin/[aA]ctivate*
# Programs begin with their interpreter's path; those of our packages are nobody's business there.
find "$root/opt/sekisho/bin" -type f ! -name 'activate*' ! -name 'Activate*' ! -name sekisho -delete
sed -i "1s|.*|#!/opt/sekisho/bin/python3|" "$root/opt/sekisho/bin/sekisho"
find "$root/opt/sekisho" -name RECORD -delete
find "$root/opt/sekisho" -name direct_url.json -delete
find "$root/opt/sekisho" -name __pycache__ -prune -exec rm -r {} +
"$root/opt/sekisho/bin/python" -m compileall -q -s "$root" --invalidation-mode checked-hash "$root/opt/sekisho/lib"

say "configuration, units, examples"
install -D -m 755 $here/sekisho "$root/usr/bin/sekisho"
install -D -m 640 $here/sekisho.toml "$root/etc/sekisho/sekisho.toml"
install -D -m 644 packaging/logrotate/sekisho "$root/etc/logrotate.d/sekisho"
install -D -m 644 -t "$root/lib/systemd/system" packaging/systemd/*
documents=$root/usr/share/doc/sekisho
install -D -m 644 -t "$documents" README.md README.ja.md CHANGELOG.md SECURITY.md docs/*.md
install -D -m 644 LICENSE "$documents/copyright"
for examples in nginx apache grafana container; do
  [ -n "$(ls packaging/$examples)" ] && install -D -m 644 -t "$documents/examples/$examples" packaging/$examples/*
done
install -D -m 644 packaging/fail2ban/sekisho.local "$documents/examples/fail2ban/sekisho.local"

say "control files"
mkdir -p "$root/DEBIAN"
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/" $here/control >"$root/DEBIAN/control"
install -m 644 $here/conffiles "$root/DEBIAN/conffiles"
install -m 755 -t "$root/DEBIAN" $here/postinst $here/prerm $here/postrm
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$output"
package=$output/sekisho_${version}_${architecture}.deb
# zstd: a second instead of a minute; Debian 12 unpacks it. By rename: what is there under this name is whole.
dpkg-deb --build --root-owner-group -Zzstd "$root" "$package.new" >/dev/null
mv "$package.new" "$package"
say "$package, $(du -h "$package" | cut -f1)"
