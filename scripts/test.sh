#!/bin/sh
# Runs the five tiers of tests, 200 simulated networks and a minute of fuzzing (docs/testing.md). Arguments: the Debian packages that the tiers for root need.
set -eu
cd "$(dirname "$0")/.."

# skipped COUNT WHY: the end lists what did not run, and CI fails on it.
skipped() {
  echo "SKIPPED $1 of 5 tiers: $2" >&2
  [ -z "${CI:-}" ] || exit 1
}

logs=$(mktemp -d)
running=
# A signal that ends the run ends what the run started: each part is a process group, and removes what it made.
ended() {
  trap '' INT TERM HUP
  for part in $running; do kill -- "-${part#*=}" "${part#*=}" 2>/dev/null || true; done
  wait
  exit "$1"
}
trap 'rm -r "$logs"' EXIT
trap 'ended 130' INT
trap 'ended 143' TERM HUP

# start NAME COMMAND...: runs it in the background and shows its output as it comes, with the name in front of each line.
start() {
  name=$1
  shift
  mkfifo "$logs/$name.pipe"
  tee "$logs/$name" <"$logs/$name.pipe" | sed --unbuffered "s/^/$name | /" &
  setsid "$@" >"$logs/$name.pipe" 2>&1 &
  running="$running $name=$!"
}

# join: waits for all that was started, repeats at the end what failed, and fails with a part that did.
join() {
  status=0
  failed=
  for part in $running; do
    code=0
    wait "${part#*=}" || code=$?
    # what it left running would keep its output open
    kill -- "-${part#*=}" 2>/dev/null || true
    [ "$code" = 0 ] || { status=$code; failed="$failed ${part%=*}"; }
  done
  running=
  wait
  for name in $failed; do
    grep '^FAILED' "$logs/$name" || true
    echo "FAILED: $name"
  done
  return "$status"
}

# alone NAME COMMAND...: with nothing beside it.
alone() {
  start "$@"
  join
}

# The interop tier runs a file at a time and mostly waits for peers: where there are more CPUs, the pure and kernel tiers run beside it.
on_host() {
  cpus=$(nproc)
  if [ "$cpus" = 1 ]; then
    alone host vitest run --project pure --project kernel --project interop
    return
  fi
  start pure-kernel vitest run --project pure --project kernel --maxWorkers $((cpus - 1))
  start interop vitest run --project interop
  join
}

# Files that take half of the time of what runs in the guest.
half='guest/hitless guest/daemons guest/anyone guest/vpn guest/kill guest/ecmp guest/isolation/traffic kernel/isolation/bridges kernel/reconciler'

start_guest() {
  name=$1
  shift
  start "$name" scripts/guest.sh -t 1800 vitest run --project guest --project guest-kernel "$@"
}

# A guest has one CPU: where there are more, two of them share the files.
guests() {
  if [ "$(nproc)" = 1 ]; then
    start_guest guest
  else
    start_guest guest-1 $(printf '%s.test ' $half)
    start_guest guest-2 --exclude "test/{$(echo "$half" | tr ' ' ,)}.test.ts"
  fi
  join
}

# in_containers: the image is built and tried, and GoBGP met in containers; where no engine runs, why not goes to $why_not.
in_containers() {
  docker info >/dev/null 2>&1 || scripts/setup.sh debian podman runc netavark iptables debootstrap docker-compose
  if ! why_not=$(tsx scripts/interop-containers.ts --engine 2>&1); then
    echo "NO CONTAINERS: $why_not" >&2
    return
  fi
  why_not=
  alone containers vitest run --project containers
  alone scenarios tsx scripts/interop-containers.ts --only GoBGP
}

simulated() {
  alone sim tsx scripts/sim.ts --seeds 200
  alone fuzz tsx scripts/fuzz.ts --seconds 60 --seed 1
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
  simulated
  [ -z "$why_not" ] || skipped 1 "containers need an engine that runs: $why_not"
  [ "$(uname -m)" = x86_64 ] || skipped 1 "guest needs an x86_64 machine, for which alone there is User-Mode Linux"
  exit
fi
alone pure vitest run --project pure
simulated
skipped 4 "kernel, interop, containers and guest need $lacking"
