#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes an image archive of the machine's own static busybox, without downloading anything.
#
#   examples/busybox-image.sh [--format oci|docker] [--layer none|gzip|zstd] [--name NAME] <out.tar>
#
# The image has one layer with /bin/busybox and a link for each of its applets, runs /bin/sh, and is
# the same byte for byte whenever it is made of the same busybox.
set -euo pipefail

format=oci layer=gzip name=docker.io/library/busybox:latest
while [[ $# -gt 1 ]]; do
  case $1 in
    --format) format=$2 ;;
    --layer) layer=$2 ;;
    --name) name=$2 ;;
    *) break ;;
  esac
  shift 2
done
if [[ $# -ne 1 || $1 == -* ]]; then
  echo "usage: $0 [--format oci|docker] [--layer none|gzip|zstd] [--name NAME] <out.tar>" >&2
  exit 2
fi
out=$1
case $(uname -m) in
  x86_64) architecture=amd64 ;;
  aarch64) architecture=arm64 ;;
  *) architecture=$(uname -m) ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Reproducible: no times, names or order of this machine's.
pack() { # <folder> <tar>
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=ustar -C "$1" -cf "$2" .
}
digest() { sha256sum "$1" | cut -d' ' -f1; }

root=$work/root
export bin=$root/bin
mkdir -p "$root"/{bin,dev,etc,proc,root,run,sys,tmp,var}
chmod 755 "$root"
chmod 1777 "$root/tmp"
install -m 755 "$(command -v busybox)" "$root/bin/busybox"
# shellcheck disable=SC2016  # the variables are Perl's, which makes 300 links in one process
busybox --list | perl -lne 'symlink("busybox", "$ENV{bin}/$_") or die "$_: $!\n" if $_ ne "busybox"'
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
pack "$root" "$work/layer.tar"
diff_id=$(digest "$work/layer.tar")
case $layer in
  none) media=tar ;;
  gzip) media=tar+gzip && gzip -n "$work/layer.tar" && mv "$work/layer.tar.gz" "$work/layer.tar" ;;
  zstd) media=tar+zstd && zstd -q --rm "$work/layer.tar" -o "$work/layer.zst" && mv "$work/layer.zst" "$work/layer.tar" ;;
  *) echo "$0: no such compression: $layer" >&2 && exit 2 ;;
esac
layer_digest=$(digest "$work/layer.tar")

cat >"$work/config.json" <<JSON
{"created":"1970-01-01T00:00:00Z","architecture":"$architecture","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:$diff_id"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"busybox-static"}]}
JSON
config_digest=$(digest "$work/config.json")

image=$work/image
mkdir "$image"
case $format in
  docker)
    mkdir "$image/$layer_digest"
    mv "$work/layer.tar" "$image/$layer_digest/layer.tar"
    mv "$work/config.json" "$image/$config_digest.json"
    cat >"$image/manifest.json" <<JSON
[{"Config":"$config_digest.json","RepoTags":["${name#docker.io/library/}"],"Layers":["$layer_digest/layer.tar"]}]
JSON
    ;;
  oci)
    blobs=$image/blobs/sha256
    mkdir -p "$blobs"
    cat >"$work/manifest.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config_digest","size":$(stat -c %s "$work/config.json")},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.$media","digest":"sha256:$layer_digest","size":$(stat -c %s "$work/layer.tar")}]}
JSON
    manifest_digest=$(digest "$work/manifest.json")
    cat >"$image/index.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest_digest","size":$(stat -c %s "$work/manifest.json"),"platform":{"architecture":"$architecture","os":"linux"},"annotations":{"io.containerd.image.name":"$name","org.opencontainers.image.ref.name":"${name##*:}"}}]}
JSON
    echo '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
    mv "$work/layer.tar" "$blobs/$layer_digest"
    mv "$work/config.json" "$blobs/$config_digest"
    mv "$work/manifest.json" "$blobs/$manifest_digest"
    ;;
  *)
    echo "$0: no such format: $format" >&2
    exit 2
    ;;
esac
pack "$image" "$work/image.tar"
mv "$work/image.tar" "$out"
