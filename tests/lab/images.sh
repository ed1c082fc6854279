#!/usr/bin/env bash
# Makes the lab's images without a registry: bridgetap-lab-busybox (a second), bridgetap-lab, a small Debian with real
# servers (about a minute), and bridgetap-lab-mariadb, another with MariaDB and what asks it (about a minute). An image
# that exists is left as it is: `docker rmi` it to have it made again.
#
#   images.sh [busybox] [lab] [mariadb]     none named: busybox and lab
set -euo pipefail

# The mirror that debootstrap reads; set MIRROR for one that is nearer.
mirror=${MIRROR:-http://deb.debian.org/debian}
applets='sh arp cat cp echo env hostname httpd ip kill ls mkdir nc nslookup ping'
applets+=' ping6 ps rm sleep timeout traceroute wget'
servers=redis-server,nginx-light,python3-flask,python3-redis,iputils-ping,dnsutils,curl,procps,iproute2
database=mariadb-server-core,mariadb-client-core,python3-flask,python3-pymysql,curl

die() { echo "images.sh: $*" >&2; exit 1; }

# need COMMAND PACKAGE: installs PACKAGE when there is no COMMAND.
need() {
  command -v "$1" >/dev/null && return
  echo "images.sh: installing $2" >&2
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2"; } \
    >/dev/null || die "cannot install $2, which $1 comes from"
}

exists() { docker image inspect "$1" >/dev/null 2>&1; }

make_busybox() {
  need busybox busybox-static
  # A dynamically linked busybox starts no shell in an image without a C library.
  if ldd "$(command -v busybox)" >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q busybox-static >/dev/null ||
      die 'cannot install busybox-static'
  fi
  local root=$work/busybox applet
  mkdir -p "$root"/{bin,etc,tmp}
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in $applets; do ln -s busybox "$root/bin/$applet"; done
  echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
  tar -C "$root" -c . | docker import -c 'CMD ["sh"]' -c 'ENV PATH=/bin' - bridgetap-lab-busybox:latest >/dev/null
}

# make_debian IMAGE PACKAGE,...: a small Debian with these.
make_debian() {
  local root=$work/$1
  need debootstrap debootstrap
  echo "images.sh: making $1, about a minute" >&2
  debootstrap --variant=minbase --include="$2" bookworm "$root" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed with the mirror $mirror"; }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
  tar -C "$root" -c . | docker import -c 'CMD ["bash"]' - "$1:latest" >/dev/null
}

[ "$(id -u)" = 0 ] || die 'run it as root'
docker info >/dev/null 2>&1 || die 'no Docker daemon answers (try: docker info)'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- busybox lab
for image; do
  case $image in
    busybox) exists bridgetap-lab-busybox || make_busybox ;;
    lab) exists bridgetap-lab || make_debian bridgetap-lab "$servers" ;;
    mariadb) exists bridgetap-lab-mariadb || make_debian bridgetap-lab-mariadb "$database" ;;
    *) die "no image '$image': busybox, lab, mariadb" ;;
  esac
done
