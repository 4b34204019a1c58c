#!/bin/bash
# Builds the modules fou and fou6 for the guest, from Debian's source of its kernel, with what its own lack: to send MPLS in UDP.
#   scripts/guest-fou.sh DIRECTORY && GUEST_FOU=DIRECTORY scripts/guest.sh vitest run --project guest
set -eu

[ $# = 1 ] || { echo "usage: scripts/guest-fou.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
modules=$(readlink -f "$1")
version=$(linux.uml --version)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

apt-get install -y --no-install-recommends gcc make flex bison bc >/dev/null
cd "$work"
apt-get download "linux-source-${version%.*}=$version-1"
dpkg-deb --fsys-tarfile ./*.deb | tar -xO --wildcards '*.tar.xz' | tar -xJ --strip-components=1
linux.uml --showconfig >.config
sed -i 's/.*CONFIG_NET_FOU_IP_TUNNELS.*/CONFIG_NET_FOU_IP_TUNNELS=y/; $a CONFIG_IPV6_FOU_TUNNEL=m' .config
make -s ARCH=um olddefconfig modules_prepare
make -s ARCH=um KBUILD_MODPOST_WARN=1 net/ipv4/fou.ko net/ipv6/fou6.ko
cp net/ipv4/fou.ko net/ipv6/fou6.ko "$modules"
