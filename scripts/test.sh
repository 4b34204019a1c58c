#!/bin/sh
# Runs the five tiers of tests, 200 simulated networks and a minute of fuzzing (docs/testing.md). Arguments: the Debian packages that the tiers for root need.
set -eu
cd "$(dirname "$0")/.."

# skipped COUNT WHY: it is said at the end what did not run, and CI fails on it.
skipped() {
  echo "SKIPPED $1 of 5 tiers: $2" >&2
  [ -z "${CI:-}" ] || exit 1
}

# Files of the guest tier that take half of its time.
half=hitless,daemons,anyone,vpn,kill,ecmp,isolation/traffic

in_guest() {
  scripts/guest.sh -t 1800 vitest run --project guest "$@"
}

# start COMMAND...: runs it in the background; `join` waits for its end, shows its output and has its exit code.
start() {
  output=$(mktemp)
  "$@" >"$output" 2>&1 &
  other=$!
  trap 'kill "$other"; exit 130' INT TERM
}

join() {
  code=0
  wait "$other" || code=$?
  trap - INT TERM
  cat "$output"
  rm "$output"
  return "$code"
}

# The interop tier runs a file at a time and mostly waits for peers: where there are more CPUs, the pure and kernel tiers run beside it.
on_host() {
  cpus=$(nproc)
  if [ "$cpus" = 1 ]; then
    vitest run --project pure --project kernel --project interop
    return
  fi
  start vitest run --project pure --project kernel --maxWorkers $((cpus - 1))
  status=0
  vitest run --project interop || status=$?
  join || status=$?
  return "$status"
}

# A guest has one CPU: where there are more, two of them share the files.
guests() {
  if [ "$(nproc)" = 1 ]; then
    in_guest
    return
  fi
  start in_guest $(echo "$half" | sed 's#[^,]*#guest/&.test#g; s/,/ /g')
  status=0
  in_guest --exclude "test/guest/{$half}.test.ts" || status=$?
  join || status=$?
  return "$status"
}

# in_containers: the image is built and tried, and GoBGP met in containers; where no engine runs, why not goes to $why_not.
in_containers() {
  docker info >/dev/null 2>&1 || scripts/setup.sh debian podman runc netavark iptables debootstrap docker-compose
  if ! why_not=$(tsx scripts/interop-containers.ts --engine 2>&1); then
    echo "NO CONTAINERS: $why_not" >&2
    return
  fi
  why_not=
  vitest run --project containers
  tsx scripts/interop-containers.ts --only GoBGP
}

if [ "$(id -u)" != 0 ]; then
  lacking="root (sudo make test)"
elif ! unshare --net true 2>/dev/null; then
  lacking="network namespaces, which this container may not make"
else
  scripts/setup.sh debian "$@"
  on_host
  in_containers
  [ "$(uname -m)" != x86_64 ] || guests
  tsx scripts/sim.ts --seeds 200
  tsx scripts/fuzz.ts --seconds 60 --seed 1
  [ -z "$why_not" ] || skipped 1 "containers need an engine that runs: $why_not"
  [ "$(uname -m)" = x86_64 ] || skipped 1 "guest needs an x86_64 machine, for which alone there is User-Mode Linux"
  exit
fi
vitest run --project pure
tsx scripts/sim.ts --seeds 200
tsx scripts/fuzz.ts --seconds 60 --seed 1
skipped 4 "kernel, interop, containers and guest need $lacking"
