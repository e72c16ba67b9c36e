#!/usr/bin/env bash
# Packs dist/'s tar.gz as an AppImage. appimagetool (https://github.com/AppImage/appimagetool) must be in PATH; without it only the
# folder is made, whose AppRun runs the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
archive=$(ls dist/moue-*-linux.tar.gz)
id=io.github.moue.moue
dir=${CARGO_TARGET_DIR:-target}/package/moue.AppDir
rm -rf "$dir"
mkdir -p "$dir/usr/bin" "$dir/usr/share/metainfo"
tar -xzf "$archive" --strip-components=1 -C "$dir/usr/bin"
cp "packaging/linux/$id.desktop" assets/icon/moue.svg "$dir/"
mv "$dir/moue.svg" "$dir/$id.svg"
cp "packaging/linux/$id.metainfo.xml" "$dir/usr/share/metainfo/"
ln -s usr/bin/moue "$dir/AppRun"
echo "$dir"
if command -v appimagetool >/dev/null; then
  appimagetool "$dir" "dist/$(basename "$archive" -linux.tar.gz).AppImage"
else
  echo "no appimagetool here: the folder is not packed" >&2
fi
