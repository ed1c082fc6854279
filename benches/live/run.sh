#!/usr/bin/env bash
# Sends packets over a cable to a bridge, both made for this, at several rates, and watches there with bridgetap and
# tcpdump: on a core of its own and on the sender's. Prints a table of what each lost and what it cost, and fails where
# what was sent is not what was received, or what was received not what was followed and dropped together. As root;
# installs what it needs on Debian.
#
#   run.sh [SECONDS [RATE...]]     10 seconds each unless given; packets a second, 0: as fast as it goes;
#                                  100000 400000 1200000 0 unless given
#
#   ROUNDS=1 TAPS="port bridge" CORES="own shared" PRIORITY=1 \
#     PROGRAMS="bridgetap watch,tcpdump -nn -S" run.sh ...
#
# The packets are 100,000 small ones of benches/side-by-side, again and again. They go from a network namespace over a
# veth to a bridge in another, and on to a third. None has an address, a route, or a link to anywhere else, and all are
# removed with it.
set -euo pipefail

readonly seconds=${1:-10}
rates=("${@:2}")
[ ${#rates[@]} -gt 0 ] || rates=(100000 400000 1200000 0)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly program=${BRIDGETAP:-${CARGO_TARGET_DIR:-$root/target}/release/bridgetap}
readonly sender=bt-load-from-$$ middle=bt-load-at-$$ receiver=bt-load-to-$$
work=

clean() {
  for namespace in "$sender" "$middle" "$receiver"; do ip netns del "$namespace" 2>/dev/null || true; done
  [ -z "$work" ] || rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

[ "$(id -u)" = 0 ] || { echo "capturing takes root: sudo $0" >&2; exit 1; }
. "$root/setup.sh"
need_packages gcc libc6-dev iproute2 tcpdump util-linux
[ -n "${BRIDGETAP:-}" ] || { need_cargo; cargo build --release --quiet --manifest-path "$root/Cargo.toml"; }

# Logs are written to memory: no disk is measured.
work=$(mktemp -d "${TMPDIR:-/dev/shm}/bridgetap-live.XXXXXX")
gcc -O2 -o "$work/send" "$here/send.c"
python3 "$root/benches/side-by-side/generate.py" "$work/small.pcap" 100000
for namespace in "$sender" "$middle" "$receiver"; do
  ip netns add "$namespace"
  # Else interfaces that come up say so on the cable.
  ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip netns exec "$namespace" sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-arptables=0 \
    2>/dev/null || true
done
ip -n "$sender" link add cable0 type veth peer name port0 netns "$middle"
ip -n "$middle" link add port1 type veth peer name cable1 netns "$receiver"
ip -n "$middle" link add bridge0 type bridge mcast_snooping 0
for port in port0 port1; do ip -n "$middle" link set "$port" master bridge0 up; done
ip -n "$middle" link set bridge0 up
ip -n "$sender" link set cable0 up
ip -n "$receiver" link set cable1 up

python3 "$here/measure.py" "$program" "$work" "$sender" "$middle" "$seconds" "${rates[@]}"
