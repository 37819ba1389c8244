#!/usr/bin/env bash
# Try the two commands of the README in a bare Debian: nothing but make, python3-venv and
# ca-certificates, a mounted /proc, this machine's CA bundle and package settings, and a clone.
# usage (as root, on Debian): deploy/debian-root/try.sh [target…]        default: demo demo test
#   DEBIAN_SUITE=bookworm   which Debian
#   KEEP=1                  leave the root for a look; it says where
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
suite=${DEBIAN_SUITE:-bookworm}
[ $# -gt 0 ] || set -- demo demo test

stop() {
  printf '%s\n' "$*" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || stop "Only root can make a Debian root. Run it with sudo."
command -v debootstrap >/dev/null || {
  apt-get -q update && apt-get -qy install --no-install-recommends debootstrap
} >/dev/null || stop "debootstrap is missing: apt-get install debootstrap"

# the mirror that this machine's own apt uses
mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' |
  awk -v suite="$suite" '$1 == suite && $2 == "main" { print $3; exit }')
[ -n "$mirror" ] || stop "apt has no $suite here: run apt-get update, or set DEBIAN_SUITE."

root=$(mktemp -d /var/tmp/tpi-debian.XXXXXX)
chmod 755 "$root" # PostgreSQL refuses root: the account it gets must come in
leave() {
  chroot "$root" /bin/sh -c 'cd /opt/tpi-intake && make clean' >/dev/null 2>&1 || true
  mountpoint -q "$root/proc" && umount "$root/proc"
  if [ "${KEEP:-}" = 1 ]; then
    printf 'The root stays: %s\n' "$root" >&2
  else
    rm -rf --one-file-system "$root"
  fi
}
trap leave EXIT

printf '== a bare %s\n' "$suite"
debootstrap --variant=minbase --include=make,python3-venv,ca-certificates \
  "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"

# what this machine needs to reach packages, and nothing else of it
hand_in() {
  local file
  for file in "$@"; do
    [ -e "$file" ] || continue
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
}
hand_in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf
settings=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
  PIP_INDEX_URL PIP_DEFAULT_TIMEOUT UV_DEFAULT_INDEX; do
  [ -z "${!name:-}" ] || settings+=("$name=${!name}")
done

git clone -q --no-hardlinks "$here" "$root/opt/tpi-intake"
printf '== python and make of %s:\n' "$suite"
chroot "$root" /bin/sh -c 'python3 --version; make --version | head -n 1'

failed=0
for target in "$@"; do
  begun=$SECONDS
  printf '\n== make %s\n' "$target"
  if env -i "${settings[@]}" HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /bin/sh -c 'cd /opt/tpi-intake && exec make "$@"' sh "$target" </dev/null; then
    printf '== make %s: ok, %d s\n' "$target" $((SECONDS - begun))
  else
    printf '== make %s: FAILED, %d s\n' "$target" $((SECONDS - begun))
    failed=1
  fi
done
exit $failed
