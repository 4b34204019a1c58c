#!/bin/bash
# The first process in the guest of guest.sh. SHARED is the directory that both see.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
modules=/usr/lib/uml/modules/$(uname -r)
root=/run/root

mount -t tmpfs memory /run
insmod "$modules/kernel/fs/overlayfs/overlay.ko"
mkdir "$root" /run/written /run/scratch
mount -t overlay -o lowerdir=/,upperdir=/run/written,workdir=/run/scratch overlay "$root"

cd "$root" || exit
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devices dev
mkdir -p dev/pts dev/shm
mount -t devpts terminals dev/pts
mount -t tmpfs memory dev/shm
mount -t tmpfs memory run
mkdir -p ".$SHARED" run/netns
mount -t hostfs -o "$SHARED" shared ".$SHARED"
mkdir -p lib/modules
ln -sfn "$modules" "lib/modules/$(uname -r)"

exec chroot . /bin/bash -c '
  modprobe -a ipv6 dummy veth tun bridge vxlan vrf sch_ingress cls_matchall cls_bpf act_gact ip_gre ip6_gre ipip ip6_tunnel mpls_router mpls_iptunnel
  if [ -n "${MODULES:-}" ]; then modprobe -a udp_tunnel ip6_udp_tunnel; insmod "$MODULES/fou.ko"; insmod "$MODULES/fou6.ko"
  else modprobe -a fou fou6
  fi
  echo guest >/proc/sys/kernel/hostname # Neutron does not start without one
  ip link set lo up
  stty -opost
  ( . "$SHARED/command" ) </dev/null 2>&1 | cat
  echo "${PIPESTATUS[0]}" >"$SHARED/exit"
  echo 0 >/proc/sys/kernel/printk # not a word about its end
  halt -f'
