#!/bin/sh
# Runs the three tiers of tests, 200 simulated networks and a minute of fuzzing (docs/testing.md). Arguments: the Debian packages that the tiers for root need.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
  lacking="root (sudo make test)"
elif ! unshare --net true 2>/dev/null; then
  lacking="network namespaces, which this container may not make"
else
  scripts/setup.sh debian "$@"
  vitest run
  tsx scripts/sim.ts --seeds 200
  exec tsx scripts/fuzz.ts --seconds 60 --seed 1
fi
vitest run --project pure
tsx scripts/sim.ts --seeds 200
tsx scripts/fuzz.ts --seconds 60 --seed 1
echo "SKIPPED 2 of 3 tiers: kernel and interop need $lacking" >&2
[ -z "${CI:-}" ] || exit 1
