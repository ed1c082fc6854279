#!/usr/bin/env bash
# Records a million small packets with bridgetap, dumpcap and tcpdump, at several rates, at the same time and one after
# the other, and prints a table of what each lost and what it cost. As root; installs what it needs on Debian.
#
#   run.sh [PACKETS [ROUNDS [RATE...]]]     1,000,000 and 3 unless given; packets a second, 0: as fast as it goes;
#                                           100000 200000 400000 0 unless given
#
# The packets are those of benches/side-by-side. They go from a network namespace over a cable to a bridge in another,
# both made for this and removed with it. Neither has an address, a route, or a link to anywhere else.
set -euo pipefail

readonly packets=${1:-1000000} rounds=${2:-3}
rates=("${@:3}")
[ ${#rates[@]} -gt 0 ] || rates=(100000 200000 400000 0)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly program=${BRIDGETAP:-${CARGO_TARGET_DIR:-$root/target}/release/bridgetap}
readonly sender=bt-record-from-$$ receiver=bt-record-at-$$ cable=cable0 port=port0 bridge=bridge0
work=

clean() {
  for namespace in "$sender" "$receiver"; do ip netns del "$namespace" 2>/dev/null || true; done
  [ -z "$work" ] || rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

[ "$(id -u)" = 0 ] || { echo "capturing takes root: sudo $0" >&2; exit 1; }
. "$root/setup.sh"
need_packages iproute2 tshark tcpdump tcpreplay
[ -n "${BRIDGETAP:-}" ] || { need_cargo; cargo build --release --quiet --manifest-path "$root/Cargo.toml"; }

work=$(mktemp -d "${TMPDIR:-/tmp}/bridgetap-record.XXXXXX")
python3 "$root/benches/side-by-side/generate.py" "$work/small.pcap" "$packets"
for namespace in "$sender" "$receiver"; do
  ip netns add "$namespace"
  # Else interfaces that come up say so on the cable.
  ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
done
ip -n "$sender" link add "$cable" type veth peer name "$port" netns "$receiver"
ip -n "$receiver" link add "$bridge" type bridge mcast_snooping 0
ip -n "$receiver" link set "$port" master "$bridge" up
ip -n "$receiver" link set "$bridge" up
ip -n "$sender" link set "$cable" up

export BT_SENDER=$sender BT_CABLE=$cable BT_RECEIVER=$receiver BT_PORT=$port BT_BRIDGE=$bridge
python3 "$here/measure.py" "$program" "$work" "$packets" "$rounds" "${rates[@]}"
