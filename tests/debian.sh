#!/bin/sh
# In a bare Debian, as a new machine or container would be, what the README says: make demo, which
# asks for the libraries that are missing, then their installation, make demo and make test.
#
#     tests/debian.sh forky          # today's testing, with Python 3.14
#     tests/debian.sh trixie arm64   # ARM, under qemu-user-static: one epoch, without make test
#
# It needs root, debootstrap, and a clone with everything committed. DEBIAN_BOX names a folder to make
# and keep the system in; otherwise it is a temporary one, deleted at the end.
set -eu
suite=$1 arch=${2:-$(dpkg --print-architecture)}
root=$(cd "$(dirname "$0")/.." && pwd)
box=${DEBIAN_BOX:-$(mktemp -d)}

leave() {
    umount "$box/proc" "$box/dev" 2>/dev/null || true
    [ -n "${DEBIAN_BOX:-}" ] || rm -rf --one-file-system "$box"
}
trap leave EXIT

[ -e "$box/bin/sh" ] || debootstrap --arch="$arch" --variant=minbase \
    --include=python3,python3-venv,make,git,ca-certificates "$suite" "$box"
cp /etc/resolv.conf /etc/hosts "$box/etc"
# This machine's certificates, in case it reaches the package index through a proxy of its own.
cp /etc/ssl/certs/ca-certificates.crt "$box/etc/ssl/certs"
mount -t proc proc "$box/proc"
mount --bind /dev "$box/dev"

inside() {
    # qemu 7.2 computes wrongly with SVE, which the processor of a Raspberry Pi 4 does not have.
    chroot "$box" env -i QEMU_CPU=cortex-a72 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive sh -ec "$1"
}

rm -rf "$box/root/vae_gluon"
git clone -q "$root" "$box/root/vae_gluon"
inside 'python3 --version; uname -m; cd ~/vae_gluon; make demo || true'
case $arch in
    amd64) libraries='libgomp1 libquadmath0' ;;
    arm64) libraries='libgomp1 libopenblas0 liblapacke' ;;
esac
# Of testing a mirror may be some days old.
inside "apt-get -qq -o Acquire::Check-Valid-Until=false update
        apt-get -qq install $libraries >/dev/null"
if [ "$arch" = "$(dpkg --print-architecture)" ]; then
    inside 'cd ~/vae_gluon; make demo; make test'
else
    inside 'cd ~/vae_gluon; make .venv/installed
            .venv/bin/vae-gluon train --dataset digits --epochs 1 --out runs/one'
fi
