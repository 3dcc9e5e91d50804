#!/bin/bash
# Boots systemd as the first process of a machine that shares this one's files and nothing else, and lets it run `checks.sh` as its only
# service; to be started by `unshare --mount --pid --net --cgroup --uts --ipc --fork`. What is written to files goes to memory, and
# with the namespace; what the checks print, and what systemd does, goes to two files in DIRECTORY.
#
#   boot.sh PROGRAM UNIT DIRECTORY
set -eu
program=$1 unit=$2 directory=$3 here=$(dirname "$(readlink -f "$0")")

mount --make-rprivate /
mount -t tmpfs tmpfs "$directory/machine"
mkdir "$directory"/machine/{changed,work,root}
root=$directory/machine/root
mount -t overlay -o "lowerdir=/,upperdir=$directory/machine/changed,workdir=$directory/machine/work" overlay "$root"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
for place in run dev tmp; do mount -t tmpfs -o mode=755 tmpfs "$root/$place"; done
mkdir -p "$root"/dev/{net,pts,shm} "$root/tmp/out"
for device in null zero full random urandom tty net/tun; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs tmpfs "$root/dev/shm"
mount --bind "$directory/out" "$root/tmp/out"
groups=$root/sys/fs/cgroup
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 "$groups"
else
    mount -t tmpfs -o mode=755 tmpfs "$groups"
    mkdir "$groups/systemd" "$groups/unified"
    mount -t cgroup -o none,name=systemd cgroup "$groups/systemd"
    mount -t cgroup2 cgroup2 "$groups/unified"
fi

# The NAT stands between the two; nobody is at their other ends.
ip link set lo up
for side in inside outside; do
    ip link add $side type veth peer name far-$side
    ip link set $side up && ip link set far-$side up
done

# Nothing is started but what is asked for.
rm -rf "$root"/etc/systemd/system/* "$root"/lib/systemd/system/*.wants
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
install -D -m 755 "$program" "$root/usr/local/bin/nat"
install -D -m 644 "$unit" "$root/etc/systemd/system/ftmb-nat.service"
install -D -m 755 "$here/checks.sh" "$root/usr/local/bin/checks"
mkdir -p "$root/etc/ftmb"
printf '[ports.%s]\nkind = "device"\ninterface = "%s"\n' inside inside outside outside >"$root/etc/ftmb/nat.toml"
cat >"$root/etc/systemd/system/checks.service" <<END
[Unit]
DefaultDependencies=no
SuccessAction=exit-force
FailureAction=exit-force

[Service]
Type=oneshot
ExecStart=/usr/local/bin/checks
StandardOutput=file:/tmp/out/checks
StandardError=inherit
END

cd "$root"
echo booted >"$directory/out/boot"
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$(readlink -f "$(command -v systemd || echo /lib/systemd/systemd)")" \
    --system --unit=checks.service --log-target=console --show-status=no <&- >>"$directory/out/boot" 2>&1
