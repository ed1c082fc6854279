#!/usr/bin/env bash
# Prints where the time goes: the functions with the most samples, for each form of the log.
#
#   profile.sh CAPTURE [FUNCTIONS]     15 unless given
#
# Installs perf on Debian. Builds as for a release, with the names of functions, in three minutes.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
capture=$1 functions=${2:-15}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

. "$root/setup.sh"
need_cargo
need_packages gcc libc6-dev libpcap-dev linux-perf
cargo build --profile profiling --quiet --manifest-path "$root/Cargo.toml"
program=${CARGO_TARGET_DIR:-$root/target}/profiling/bridgetap
work=$(mktemp -d "${TMPDIR:-/tmp}/bridgetap-profile.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Read once, so that no disk is measured.
cat "$capture" >/dev/null
for form in '' --summary --packets --json; do
  printf '\n`bridgetap replay%s`\n\n```text\n' "${form:+ $form}"
  # A virtual machine has no counter of cycles; the clock of the processor is everywhere.
  perf record -q -F 5000 -e cpu-clock -o "$work/perf.data" "$program" replay --threads 1 $form "$capture" >/dev/null 2>"$work/errors" ||
    { cat "$work/errors" >&2; exit 1; }
  perf report -q -i "$work/perf.data" --no-children --sort symbol --stdio 2>/dev/null |
    sed -n 's/^ *\([0-9.]*%\) *\[[.k]\] */\1  /p' | sed 's/[ -]*$//; s/bridgetap:://g' | cut -c 1-110 | awk -v most="$functions" 'NR <= most'
  printf '```\n'
done
