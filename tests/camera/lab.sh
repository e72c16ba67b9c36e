#!/usr/bin/env bash
# A machine with real V4L2 cameras, for the tests in this folder.
#
# Boots Debian's own kernel in QEMU (software emulation; /dev/kvm is not needed) with this machine's file
# system as its read-only root; what is written there goes to memory and is gone at the end. The kernel's
# virtual video drivers are loaded in it: vivid, which behaves like a USB camera and can be unplugged, and
# v4l2loopback, a camera that shows what a program writes into it.
#
#   lab.sh setup                           builds the lab in ~/.cache/moue-camera-lab, where it is not there yet
#   lab.sh run SECONDS OUT COMMAND [ARG…]  runs COMMAND in it, as root, in the current folder; what it writes
#                                          under $OUT comes back in the folder OUT. Exit status: the command's,
#                                          124 where it did not end in time.
#   lab.sh test [NAME]                     builds the program and its camera tests, and runs them in the lab: all,
#                                          or those with NAME in their name
#
# MOUE_CAMERA_LAB_DIR: another place for the lab. MOUE_CAMERA_LAB_ACCEL=kvm: where nested virtualisation works.
# MOUE_CAMERA_LAB_LIMIT: seconds that a run of the tests may take (1200).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lab=${MOUE_CAMERA_LAB_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/moue-camera-lab}
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "camera lab: $*" >&2; exit 1; }

need() {
  local missing=()
  for tool in "$@"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [ ${#missing[@]} -eq 0 ] || fail "these programs are missing: ${missing[*]} (scripts/setup.sh camera installs them)"
}

# The newest kernel that this Debian offers, as "6.1.0-1-amd64".
kernel_version() {
  apt-cache depends linux-image-amd64 2>/dev/null | grep -oE 'linux-image-[0-9][^ ]*-amd64' | head -n 1 | sed 's/^linux-image-//'
}

setup() {
  need qemu-system-x86_64 busybox cpio depmod modprobe gcc make apt-get dpkg
  [ "$(dpkg --print-architecture)" = amd64 ] || fail 'it takes a Debian on amd64'
  local kver
  kver=$(kernel_version)
  if [ -z "$kver" ]; then
    # A fresh container has no package lists yet.
    [ "$(id -u)" -ne 0 ] || apt-get update -qq
    kver=$(kernel_version)
  fi
  [ -n "$kver" ] || fail "apt knows no package linux-image-amd64; run apt-get update (on Debian)"
  # A finished lab says which kernel and which version of this function it was made with.
  local stamp
  stamp="$kver $(declare -f setup | cksum)"
  [ "$(cat "$lab/ready" 2>/dev/null)" = "$stamp" ] && return
  echo "camera lab: fetching Debian's kernel $kver"
  rm -rf "$lab" && mkdir -p "$lab/debs" "$lab/root"
  local common=${kver%-amd64}-common kbuild
  kbuild=$(apt-cache depends "linux-headers-$kver" | grep -oE 'linux-kbuild-[^ ]+' | head -n 1)
  local packages=("linux-image-$kver" "linux-headers-$kver" "linux-headers-$common" "$kbuild" v4l2loopback-dkms)
  fetch() { (cd "$lab/debs" && apt-get download -qq -o APT::Sandbox::User=root "${packages[@]}" >/dev/null 2>"$lab/fetch.log"); }
  if ! fetch; then
    # Old lists name packages that are gone from the server.
    { [ "$(id -u)" -eq 0 ] && apt-get update -qq && fetch; } || fail "cannot fetch ${packages[*]}: $(tail -n 3 "$lab/fetch.log")"
  fi
  for deb in "$lab"/debs/*.deb; do dpkg -x "$deb" "$lab/root"; done
  rm -rf "$lab/debs"

  # Debian has v4l2loopback as source only. The headers know each other by absolute path.
  local headers=$lab/root/usr/src/linux-headers-$kver
  sed -i "s|^include /usr/src|include $lab/root/usr/src|" "$headers/Makefile"
  cp -r "$lab"/root/usr/src/v4l2loopback-* "$lab/loopback"
  make -s -C "$headers" M="$lab/loopback" CC=gcc modules >"$lab/loopback.log" 2>&1 ||
    fail "v4l2loopback cannot be built: $(tail -n 5 "$lab/loopback.log")"

  depmod -b "$lab/root" "$kver"
  mkdir -p "$lab"/initrd/{bin,mods,proc,sys,dev,new,low,up}
  cp "$(command -v busybox)" "$lab/initrd/bin/busybox"
  add() { # the list to write, then modules: each with what it needs, in the order of loading
    local list=$lab/initrd/mods/$1 module file
    shift
    for module in "$@"; do
      modprobe -d "$lab/root" -S "$kver" --show-depends "$module" 2>/dev/null | awk '/^insmod/ { print $2 }' |
        while read -r file; do
          local name; name=$(basename "$file")
          [ -e "$lab/initrd/mods/$name" ] && continue
          cp "$file" "$lab/initrd/mods/$name" && echo "$name" >>"$list"
        done
    done
  }
  add boot virtio_pci 9pnet_virtio 9p overlay
  add camera videodev videobuf2_v4l2 videobuf2_vmalloc videobuf2_dma_contig vivid
  cp "$lab/loopback/v4l2loopback.ko" "$lab/initrd/mods/"
  [ -e "$lab/initrd/mods/vivid.ko" ] || fail "the kernel $kver has no vivid driver"
  cat >"$lab/initrd/init" <<'INIT'
#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc p /proc; $B mount -t sysfs s /sys; $B mount -t devtmpfs d /dev
for m in $($B cat /mods/boot); do $B insmod /mods/$m; done
$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose host /low || $B poweroff -f
$B mount -t tmpfs t /up; $B mkdir /up/u /up/w
$B mount -t overlay -o lowerdir=/low,upperdir=/up/u,workdir=/up/w o /new || $B poweroff -f
$B mkdir -p /new/mods /new/lab-out; $B cp /mods/* /new/mods/
$B mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out /new/lab-out || $B poweroff -f
for d in proc sys dev; do $B mount --move /$d /new/$d; done
$B mkdir -p /new/dev/shm /new/dev/pts
$B mount -t tmpfs m /new/dev/shm; $B mount -t devpts p /new/dev/pts; $B mount -t tmpfs r /new/run
$B chroot /new /bin/bash /lab-out/.guest
$B poweroff -f
INIT
  chmod +x "$lab/initrd/init"
  (cd "$lab/initrd" && find . | cpio -o -H newc 2>/dev/null | gzip -1 >"$lab/initrd.gz")
  cp "$lab/root/boot/vmlinuz-$kver" "$lab/vmlinuz"
  rm -rf "$lab/root" "$lab/loopback" "$lab/initrd"
  echo "$stamp" >"$lab/ready"
}

run() {
  [ $# -ge 3 ] || fail 'usage: lab.sh run SECONDS OUT COMMAND [ARG…]'
  local limit=$1 out=$2 accel=tcg,thread=multi
  shift 2
  [ -e "$lab/ready" ] || fail "run 'lab.sh setup' first"
  need qemu-system-x86_64
  [ "${MOUE_CAMERA_LAB_ACCEL:-}" = kvm ] && accel=kvm
  mkdir -p "$out"; out=$(realpath "$out")
  rm -f "$out/.status"; : >"$out/log"
  {
    printf 'export PATH=%q HOME=%q OUT=/lab-out LANG=C.UTF-8 MOUE_CAMERA_LAB=1 MOUE_REQUIRE_SHARED=%q\n' \
      "$PATH" "$HOME" "${MOUE_REQUIRE_SHARED:-}"
    # shellcheck disable=SC2016
    echo 'for m in $(cat /mods/camera); do busybox insmod /mods/$m $([ $m = vivid.ko ] && echo n_devs=1 node_types=0x1); done'
    echo 'busybox ip link set lo up'
    printf 'cd %q\n' "$PWD"
    printf '%q ' "$@"; echo '>/lab-out/log 2>&1 </dev/null; echo $? >/lab-out/.status; sync'
  } >"$out/.guest"
  timeout "$limit" qemu-system-x86_64 -accel "$accel" -cpu max -smp 2 -m 4096 -nographic -no-reboot -nic none \
    -kernel "$lab/vmlinuz" -initrd "$lab/initrd.gz" -append 'console=ttyS0 quiet panic=-1' \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    -virtfs "local,path=$out,mount_tag=out,security_model=none" >"$out/console" 2>&1 </dev/null &
  local machine=$!
  # Whoever ends this script ends the machine with it; it would go on writing into the folder.
  # shellcheck disable=SC2064
  trap "kill $machine 2>/dev/null || true" EXIT
  tail -n +1 -f --pid="$machine" "$out/log"
  wait "$machine" || true
  [ -e "$out/.status" ] || { echo "camera lab: no end within $limit s; its console is in $out/console" >&2; return 124; }
  return "$(cat "$out/.status")"
}

run_tests() {
  need cargo v4l2-ctl ffmpeg setpriv Xvfb
  setup
  cd "$here/../.."
  local binary
  # The line that names the test's binary is the only part of the answer that is needed. All of it is shown, but not
  # through /dev/stderr: where that is a file, as a log of CI is, opening it anew would empty it.
  binary=$(cargo test --locked --release --test camera --no-run 2>&1 | tee >(cat >&2) |
    sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
  [ -x "$binary" ] || fail 'the camera tests were not built'
  run "${MOUE_CAMERA_LAB_LIMIT:-1200}" "${CARGO_TARGET_DIR:-target}/camera-lab" "$(realpath "$binary")" "$@"
}

case ${1:-} in
  setup) setup ;;
  run) shift; run "$@" ;;
  test) shift; run_tests "$@" ;;
  *) sed -n '2,17p' "$0"; exit 2 ;;
esac
