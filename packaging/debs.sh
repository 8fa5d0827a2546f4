#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the .deb packages, for the Debian that it runs on, into <build folder>/debs; lintian looks at them
# where it is installed, and what it finds fails.
#
#   packaging/debs.sh [build folder]        (build/library)
#
# The build folder is configured anew with Debian's paths.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(realpath -m "${1:-build/library}")
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)

cmake --preset library -B "$build" -DCMAKE_INSTALL_PREFIX=/usr "-DCMAKE_INSTALL_LIBDIR=lib/$multiarch" \
  -DCONTAINERD_BUILD_EXAMPLES=OFF >/dev/null
cmake --build "$build" -j "${JOBS:-$(nproc)}"
rm -rf "$build/debs"
# New files are readable by all, whatever this user's are.
(umask 022 && cpack --config "$build/CPackConfig.cmake" -B "$build/debs" >"$build/cpack.log" 2>&1) || {
  cat "$build/cpack.log"
  exit 1
}
rm -rf "$build/debs/_CPack_Packages"
for deb in "$build"/debs/*.deb; do
  [[ -z $(dpkg-deb --field "$deb" Multi-Arch) ]] || continue
  dpkg-deb --raw-extract "$deb" "$build/debs/unpacked"
  sed -i 's/^Architecture: .*/&\nMulti-Arch: same/' "$build/debs/unpacked/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$build/debs/unpacked" "$deb" >/dev/null
  rm -rf "$build/debs/unpacked"
done
ls "$build/debs"
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$build"/debs/*.deb
else
  echo "lintian is not installed: not asked"
fi
