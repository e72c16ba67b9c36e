#!/usr/bin/env bash
# Builds what people install, into dist/: the .deb (Debian 12 and newer, Ubuntu 24.04 and newer), a tar.gz that runs from any
# folder, the debug information in a file beside, the bill of materials, and SHA256SUMS over all of it.
#   SIGN_KEY=KEYID   also signs SHA256SUMS with that GnuPG key
#   MOUE_HOME=URL    the project's home: homepage and screenshots in the AppStream metadata (left out without it)
# Two runs from one commit on the same system give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
machine=$(uname -m)
target=${CARGO_TARGET_DIR:-target}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
# Where the sources lay must not get into the program.
export RUSTFLAGS="--remap-path-prefix=$PWD=moue --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo ${RUSTFLAGS:-}"
export CARGO_INCREMENTAL=0

tools=$target/tools
PATH=$PATH:$(realpath -m "$tools")/bin
install_tool() { # NAME VERSION; built once, without optimisation: it has seconds of work
  command -v "$1" >/dev/null || RUSTFLAGS='' CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --locked --version "$2" --root "$tools" "$1"
}
install_tool cargo-deb 3.8.0
install_tool cargo-cyclonedx 0.5.9

# Relative relocations packed: 0.8 MB less, understood from glibc 2.36 (Debian 12) on.
cargo rustc --locked --profile dist --bin moue -- -Clink-arg=-Wl,-z,pack-relative-relocs
# Cargo.toml names this folder, wherever cargo itself builds.
package=target/package
mkdir -p "$package"
"$target/dist/moue" generate "$package"

rm -rf "$package/bin" dist
mkdir -p "$package/bin" "$package/icons" dist
objcopy --only-keep-debug --compress-debug-sections "$target/dist/moue" "dist/moue-$version-$machine.debug"
cp "$target/dist/moue" "$package/bin/moue"
strip "$package/bin/moue"
objcopy --add-gnu-debuglink="dist/moue-$version-$machine.debug" "$package/bin/moue"

home=''
[ -z "${MOUE_HOME:-}" ] || home=$(sed "s|@HOME@|$MOUE_HOME|" packaging/linux/home.xml)
metainfo=$(<packaging/linux/io.github.moue.moue.metainfo.xml)
printf '%s\n' "${metainfo/  <!-- home -->$'\n'/"${home:+$home$'\n'}"}" >"$package/io.github.moue.moue.metainfo.xml"

cargo cyclonedx --format json --spec-version 1.5 --override-filename moue.cdx >/dev/null
# It numbers each run and names its moment; two runs must agree.
python3 - "$package/moue.cdx.json" <<'PY'
import json, os, sys
from datetime import datetime, timezone
bom = json.load(open("moue.cdx.json"))
bom.pop("serialNumber", None)
bom["metadata"]["timestamp"] = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc).isoformat()
text = json.dumps(bom, indent=1, sort_keys=True).replace("file://" + os.getcwd(), "file://moue")
open(sys.argv[1], "w").write(text + "\n")
PY
rm -f moue.cdx.json crates/*/moue.cdx.json fuzz/moue.cdx.json

# Packages hold no file times but the commit's.
find "$package" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

cargo deb --locked --no-build --no-strip --profile dist -o "dist/moue_${version}_$(dpkg --print-architecture).deb"

# The same files for any distribution; it runs where it is unpacked.
folder=moue-$version-$machine-linux
tree=$package/$folder
rm -rf "$tree"
mkdir -p "$tree"
cp "$package/bin/moue" README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$package/moue.cdx.json" "$tree/"
cp -r "$package/man" "$package/completions" "$tree/"
cp assets/*.LICENSE assets/icon/moue.svg packaging/linux/io.github.moue.moue.desktop models/MODEL_CARD.md "$tree/"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$package" -c "$folder" |
  gzip -9n >"dist/$folder.tar.gz"

cp "$package/moue.cdx.json" "dist/moue-$version.cdx.json"
(cd dist && sha256sum -- * >SHA256SUMS)
[ -z "${SIGN_KEY:-}" ] || gpg --batch --yes --armor --local-user "$SIGN_KEY" --detach-sign dist/SHA256SUMS
ls -l dist
