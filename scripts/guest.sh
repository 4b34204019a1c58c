#!/bin/bash
# Runs a command as root in a Linux guest that has MPLS and VRFs, which many hosts' kernels lack: User-Mode Linux, with this
# machine's files as its root and whatever it writes kept in its memory. Output is shown as it comes, the exit code is the command's.
#   scripts/guest.sh [-t SECONDS] COMMAND...     exits with 124 after SECONDS (600), with 125 when the guest itself fails
#   GUEST_FOU=DIRECTORY                           has the modules of guest-fou.sh, for MPLS in UDP
set -eu

seconds=600
if [ "${1:-}" = -t ]; then seconds=$2; shift 2; fi
[ $# -gt 0 ] || { echo "usage: scripts/guest.sh [-t SECONDS] COMMAND..." >&2; exit 2; }
command -v linux.uml >/dev/null || { echo "guest: linux.uml is missing: apt-get install user-mode-linux" >&2; exit 125; }

here=$(dirname "$(readlink -f "$0")")
# The one directory that the guest shares: what to run, and its exit code.
shared=$(mktemp -d)
guest=
clean() {
  if [ -n "$guest" ]; then
    kill "$guest" 2>/dev/null || true
    # What runs in the guest are processes of ours, in one group.
    if [ -s "$shared/guest/pid" ]; then kill -KILL -- "-$(cat "$shared/guest/pid" 2>/dev/null)" 2>/dev/null || true; fi
    wait "$guest" 2>/dev/null || true
  fi
  rm -rf "$shared"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

{
  printf 'cd %q\n' "$PWD"
  for name in PATH HOME CI NODE_OPTIONS KILLS SEED STEPS; do [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"; done
  [ ! -t 1 ] || echo 'export FORCE_COLOR=1'
  printf '%q ' "$@"
} >"$shared/command"

# On several CPUs it is three times as slow, since its processes hop from one to the other: it gets one, that no other guest has if possible.
mkdir -p /run/lock
ranges=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
for cpu in $(for range in ${ranges//,/ }; do seq "${range%-*}" "${range#*-}"; done); do
  exec 9>"/run/lock/chanter-guest-$cpu"
  ! flock --nonblock 9 || break
done
# Of CPUs with AMX it does not know all state that processes have.
preload=
if grep -qw amx_tile /proc/cpuinfo; then
  preload=$shared/xstate.so
  command -v gcc >/dev/null || { echo "guest: on a CPU with AMX it takes a compiler: apt-get install gcc libc6-dev" >&2; exit 125; }
  gcc -O2 -shared -fPIC -o "$preload" "$here/guest-xstate.c" -ldl
fi
LD_PRELOAD=$preload TMPDIR=$shared timeout --kill-after=5 "$seconds" taskset -c "$cpu" \
  linux.uml mem=1G uml_dir="$shared" umid=guest root=/dev/root rootfstype=hostfs rootflags=/ ro \
  init="$here/guest-init.sh" SHARED="$shared" ${GUEST_FOU:+MODULES="$GUEST_FOU"} con=null con0=null,fd:1 ssl=null loglevel=2 panic=1 noreboot \
  </dev/null 2>"$shared/stderr" &
guest=$!
status=0
wait "$guest" 2>/dev/null || status=$?
if [ -s "$shared/exit" ]; then exit "$(cat "$shared/exit")"; fi
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
  echo "guest: ended after $seconds seconds" >&2
  exit 124
fi
echo "guest: it failed (exit code $status)" >&2
tail -n 15 "$shared/stderr" >&2
exit 125
