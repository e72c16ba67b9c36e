#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages that building, running or testing needs and that are
# missing, and says which. Usage: setup.sh [build] [run] [test] [camera]   (none: the first three)
set -euo pipefail

build=(gcc libc6-dev make pkg-config clang libclang-dev)           # clang: bindings of V4L2
run=(ffmpeg libgl1 libegl1 libvulkan1 mesa-vulkan-drivers
     libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0 libwayland-client0)
test=(git strace xvfb xauth xdotool imagemagick procps
      fonts-ipafont-gothic fonts-lohit-beng-bengali                 # languages whose letters are not built in
      python3-pandas python3-scipy parallel)                        # what tables and parts of jobs are held against
camera=(qemu-system-x86 busybox-static kmod cpio v4l-utils util-linux)   # the lab of `make test-camera`

wanted=()
for group in "${@:-build run test}"; do
  for g in $group; do
    case $g in
      build) wanted+=("${build[@]}") ;;
      run) wanted+=("${run[@]}") ;;
      test) wanted+=("${test[@]}") ;;
      camera) wanted+=("${camera[@]}") ;;
      *) echo "setup.sh: unknown group '$g' (build, run, test, camera)" >&2; exit 2 ;;
    esac
  done
done

if ! command -v cargo >/dev/null; then
  echo "moue: no Rust toolchain found. Get Rust 1.95 or newer with one line: curl https://sh.rustup.rs -sSf | sh" >&2
  exit 1
fi

if ! command -v dpkg-query >/dev/null; then
  echo "moue: not a Debian or Ubuntu system; please install what matches: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for p in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "moue: these packages are missing, and there is no sudo to install them with: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "moue: installing missing system packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
