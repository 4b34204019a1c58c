#!/bin/sh
# Prints the name of the base image for the others, on standard output; makes it where no registry can be reached.
#   scripts/container-base.sh IMAGE ENGINE...      ENGINE is a command line, such as `podman --root /run/x`
# From the registry, IMAGE; else Debian by debootstrap with the Node of this machine, kept in /var/cache/chanter for the next time.
set -eu
image=$1; shift
own=localhost/chanter-base:bookworm
root=/var/cache/chanter/bookworm
say() { echo "base: $*" >&2; }

if "$@" image inspect "$own" >/dev/null 2>&1; then echo "$own"; exit; fi
if "$@" image inspect "$image" >/dev/null 2>&1; then echo "$image"; exit; fi
if timeout 60 "$@" pull -q "$image" >/dev/null 2>&1; then echo "$image"; exit; fi
say "$image cannot be pulled: making one of Debian's packages (debootstrap) and the Node of this machine"
[ "$(id -u)" = 0 ] || { say "FAILED: debootstrap needs root"; exit 1; }
command -v debootstrap >/dev/null || { say "FAILED: debootstrap is missing: apt-get install debootstrap"; exit 1; }
if [ ! -e "$root.done" ]; then
  rm -rf "$root"; mkdir -p "$root"
  debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian >"$root.log" 2>&1 || {
    tail -n 5 "$root.log" >&2
    say "FAILED: debootstrap (the lines above say why; all of it: $root.log)"
    exit 1
  }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/locale
  touch "$root.done"
fi
cp "$(node -p process.execPath)" "$root/usr/local/bin/node"
# npm too, and the authorities that this machine trusts
mkdir -p "$root/usr/local/lib/node_modules"
cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$root/usr/local/lib/node_modules/"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
mkdir -p "$root/etc/ssl/certs"; cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
tar -C "$root" -c . | "$@" import -c 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' - "$own" >/dev/null 2>"$root.log" || {
  tail -n 5 "$root.log" >&2
  say "FAILED: importing it (the lines above say why)"
  exit 1
}
echo "$own"
