#!/bin/bash
# A host of its own whose first process is systemd: this machine's files with what it writes kept in memory, this network namespace,
# processes, control groups and mounts of its own. Ends, and removes its control groups, on SIGTERM.
#   unshare --mount host.sh DIRECTORY HOME NODE      DIRECTORY is empty; chanter of HOME is installed there as /opt/chanter, NODE as node
set -eu
directory=$1 home=$2 node=$3
group=$directory/groups/chanter-systemd-$$
root=$directory/root

mkdir "$directory/groups" "$directory/files" "$directory/net"
mount -t cgroup2 groups "$directory/groups"
mount -t tmpfs -o mode=755 memory "$directory/files"
mkdir "$directory/files/written" "$directory/files/scratch" "$root"
mount -t overlay -o lowerdir=/,upperdir="$directory/files/written",workdir="$directory/files/scratch" overlay "$root"

# nothing of this machine's services, file systems and devices starts
cd "$root"
rm -rf usr/bin/chanter etc/systemd/system etc/fstab etc/bagpipe-bgp var/lib/chanter var/log/chanter var/log/journal
find usr/lib/systemd/system/*.wants -type l ! -name 'systemd-journal*' ! -name systemd-tmpfiles-setup.service -delete
mkdir -p etc/systemd/system etc/bagpipe-bgp opt/chanter/bin opt/chanter/dist opt/chanter/deploy opt/chanter/node_modules usr/local/bin
for part in bin dist deploy node_modules; do mount --bind "$(readlink -f "$home/$part")" "opt/chanter/$part"; done
cp "$home/package.json" opt/chanter/
touch usr/local/bin/node
mount --bind "$node" usr/local/bin/node

mount -t tmpfs -o mode=755 memory dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 terminals dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=755 memory run

end() {
  trap '' TERM
  kill -KILL "$systemd" 2>/dev/null || true
  wait "$systemd" || true
  # the processes in them end with the first
  until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.05; done
  exit 0
}
mkdir "$group"
trap end TERM
bash -c 'echo $$ >"$1/cgroup.procs"; cd "$2"; exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child bash -c "$3" "$4"' \
  - "$group" "$root" '
    read -r pid _ </proc/self/stat
    echo "$pid" >"$0/pid"
    mount -t proc proc proc
    # settings of this network namespace alone
    mount --bind proc/sys/net "$0/net"
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount --move "$0/net" proc/sys/net
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 groups sys/fs/cgroup
    mkdir -p run/old
    pivot_root . run/old
    umount -l /run/old
    # what runs in a container and knows it asks for no hardware
    container=chanter exec chroot . /lib/systemd/systemd --unit=basic.target --show-status=no' "$directory" &
systemd=$!
wait "$systemd"
