#!/usr/bin/env bash
# Builds bridgetap, with the system packages that this takes, and runs it with the arguments given here:
#   ./run.sh replay captures/ping-by-name.pcapng
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/setup.sh"
need_cargo
need_packages gcc libc6-dev libpcap-dev
cargo build --quiet --manifest-path "$here/Cargo.toml" >&2
exec "${CARGO_TARGET_DIR:-$here/target}/debug/bridgetap" "$@"
