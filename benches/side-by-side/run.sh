#!/bin/sh
# Makes a capture of a million small packets, checks that bridgetap finds exactly what is in it, and measures it side by
# side with tcpdump and tshark. Prints a table.
#
# usage: benches/side-by-side/run.sh [PACKETS [ROUNDS [TSHARK_ROUNDS]]]
set -eu
packets=${1:-1000000}
rounds=${2:-5}
tshark_rounds=${3:-2}
here=$(dirname "$(readlink -f "$0")")
root=$(dirname "$(dirname "$here")")
target=${CARGO_TARGET_DIR:-$root/target}

cargo build --release --quiet --manifest-path "$root/Cargo.toml"
folder=$(mktemp -d "${TMPDIR:-/tmp}/bridgetap-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 "$here/generate.py" "$folder/small.pcap" "$packets"
python3 "$here/measure.py" "$target/release/bridgetap" "$folder/small.pcap" "$rounds" "$tshark_rounds"
