# The first process of a box, in its own network, mount, PID, IPC and UTS namespaces: a machine that runs sshd.
#
# BOX_MOUNT     an empty folder
# BOX_SHOWN     folders of the host that are there at their own path, read-only
# BOX_HOSTS     the line of /etc/hosts with the machine's address and names
# BOX_NAME      the host name
# BOX_KEY       the public key that may log in as ubuntu
# BOX_SETENV    what every session's environment holds, NAME=VALUE
set -eu

mount -t tmpfs -o mode=755 box "$BOX_MOUNT"
cd "$BOX_MOUNT"
mkdir disk work root
mount -t overlay box -o "lowerdir=/,upperdir=$PWD/disk,workdir=$PWD/work" root
mount -t tmpfs -o mode=1777 tmp root/tmp
mount -t tmpfs -o mode=755 run root/run
mount -t proc proc root/proc
mount -t sysfs -o ro sys root/sys
mount --bind /dev root/dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 pts root/dev/pts
mount -t tmpfs -o mode=1777 shm root/dev/shm
for folder in $BOX_SHOWN; do
    mkdir -p "root$folder"
    mount --bind "$folder" "root$folder"
    mount -o remount,bind,ro "root$folder"
    while folder=$(dirname "$folder") && [ "$folder" != / ]; do chmod a+x "root$folder"; done
done
mkdir root/.host
pivot_root root root/.host
cd /
umount -l /.host
rmdir /.host

echo "$BOX_NAME" >/proc/sys/kernel/hostname
printf '127.0.0.1 localhost\n%s\n' "$BOX_HOSTS" >/etc/hosts
rm -f /etc/resolv.conf
echo '# nobody answers' >/etc/resolv.conf

id ubuntu >/dev/null 2>&1 || useradd --create-home --shell /bin/bash ubuntu
usermod --password '*' ubuntu # sshd refuses an account that is locked, as a new one is
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ubuntu
chmod 440 /etc/sudoers.d/ubuntu
home=$(getent passwd ubuntu | cut -d: -f6)
mkdir -p "$home/.ssh" /run/sshd
echo "$BOX_KEY" >"$home/.ssh/authorized_keys"
chown -R ubuntu: "$home/.ssh"
chmod 700 "$home/.ssh"

ssh-keygen -q -t ed25519 -N '' -f /run/sshd/key
exec "$(command -v sshd)" -D -e -f /dev/null -o HostKey=/run/sshd/key -o PidFile=none -o UsePAM=no -o UseDNS=no \
    -o PasswordAuthentication=no -o MaxStartups=100 -o MaxSessions=100 \
    -o Subsystem="sftp internal-sftp" -o "SetEnv=$BOX_SETENV"
