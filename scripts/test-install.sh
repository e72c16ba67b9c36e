#!/usr/bin/env bash
# Proves the package on a bare Debian that knows nothing of this machine: installs it with apt, runs the program and its window,
# removes it, and looks at what is left. Needs root, debootstrap and a Debian mirror. Usage: test-install.sh [SUITE] [OUT]
# SUITE is a Debian release (bookworm, trixie) or an Ubuntu one (noble); OUT gets the window's picture.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:-bookworm}
out=$(realpath -m "${2:-${CARGO_TARGET_DIR:-target}/test-install}")
deb=$(ls dist/*.deb)
case $suite in
  # Debian's debootstrap knows only the releases that are older than it; all of Ubuntu's are made alike.
  noble) mirror=http://archive.ubuntu.com/ubuntu components=main,universe how=/usr/share/debootstrap/scripts/gutsy ;;
  *) mirror=http://deb.debian.org/debian components=main how= ;;
esac
[ "$(id -u)" -eq 0 ] || { echo "test-install.sh: needs root (debootstrap and chroot)" >&2; exit 2; }
command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap

root=$(mktemp -d)
# Users of the system inside go through it.
chmod 755 "$root"
cleanup() {
  umount "$root/dev/pts" "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
debootstrap --variant=minbase --components="$components" "$suite" "$root" "$mirror" $how >"$root.log" 2>&1 || { tail -20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts"
cp "$deb" "$root/root/moue.deb"
cp assets/demo/astronaut.jpg "$root/root/face.jpg"
mkdir -p "$out"

inside() { chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
files() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev \) -prune -o -path ./var/lib/apt -prune -o -path ./var/cache -prune -o -path ./var/log -prune -o \( -type f -o -type l \) -print | sort); }

inside apt-get update -qq
inside apt-get install -y -qq /root/moue.deb >/dev/null
# For looking at the window only; nothing of it is needed to run.
inside apt-get install -y -qq --no-install-recommends xvfb xauth xdotool imagemagick desktop-file-utils appstream man-db >/dev/null
inside moue --version
inside moue analyze /root/face.jpg --csv | tee "$out/face.csv"
[ "$(wc -l <"$out/face.csv")" -eq 2 ] || { echo "expected one face in the picture" >&2; exit 1; }
inside desktop-file-validate /usr/share/applications/io.github.moue.moue.desktop
# The project has no home on the web yet (MOUE_HOME in dist.sh): newer versions warn of that, older ones know no such warning.
metainfo=/usr/share/metainfo/io.github.moue.moue.metainfo.xml
inside appstreamcli validate --no-net --override=url-homepage-missing=info $metainfo || inside appstreamcli validate --no-net $metainfo
inside man -w moue >/dev/null
inside bash -c '
  set -e
  Xvfb :99 -screen 0 1180x740x24 >/dev/null 2>&1 &
  server=$!
  sleep 2
  export DISPLAY=:99
  moue --source demo 2>/root/window.err &
  program=$!
  timeout 60 xdotool search --sync --onlyvisible --name moue >/dev/null
  sleep 8
  import -window root /root/window.png
  kill -TERM $program
  wait $program
  kill $server'
cp "$root/root/window.png" "$out/window-$suite.png"
colours=$(inside identify -format %k /root/window.png)
[ "$colours" -gt 1000 ] || { echo "the window shows $colours colours: no picture in it" >&2; exit 1; }

inside apt-get purge -y -qq moue >/dev/null
left=$(files | grep -i moue | grep -v '^./root/' || true)
[ -z "$left" ] || { echo "left after removing: $left" >&2; exit 1; }
settings=$(cd "$root/root" && find . -path '*moue*' -type f ! -name moue.deb | sort)
[ "$settings" = ./.config/moue/settings.json ] || { echo "expected only the user's settings, found: $settings" >&2; exit 1; }
echo "$suite: installed, run, removed; only the user's settings are left; the window: $out/window-$suite.png"
