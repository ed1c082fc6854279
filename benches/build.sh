#!/usr/bin/env bash
# Builds a release from nothing, in a folder of its own, and says how long that took, on the clock and of the processors,
# which crates took most, and how large the program is. Crates are to be downloaded already: cargo fetch.
#
#   build.sh [OPTION...]     for cargo: --config 'profile.release.codegen-units=16'
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

. "$root/setup.sh"
need_cargo
need_packages gcc libc6-dev libpcap-dev time
work=$(mktemp -d "${TMPDIR:-/tmp}/bridgetap-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# What cargo calls instead of rustc: runs it, and notes what it took.
cat >"$work/rustc" <<'END'
#!/usr/bin/env bash
crate=
for argument in "$@"; do
  [ "${before:-}" != --crate-name ] || crate=$argument
  before=$argument
done
exec /usr/bin/time -q -a -o "$BRIDGETAP_BUILD_LOG" -f "%U %S ${crate:--}" "$@"
END
chmod +x "$work/rustc"

export BRIDGETAP_BUILD_LOG=$work/log CARGO_TARGET_DIR=$work/target CARGO_INCREMENTAL=0
started=$(date +%s)
RUSTC_WRAPPER=$work/rustc cargo build --release --quiet --locked --manifest-path "$root/Cargo.toml" "$@"
took=$(($(date +%s) - started))

echo "$(date +%F): $(rustc --version), $(nproc) cores"
echo
echo "| | |"
echo "|---|---:|"
echo "| on the clock | $took s |"
awk '{ all += $1 + $2; if ($3 == "bridgetap") own += $1 + $2; else if ($3 != "-" && $3 != "___") crates++ }
  END { printf "| of the processors | %.0f s |\n| of which bridgetap itself | %.0f s |\n| runs of the compiler for others | %d |\n",
    all, own, crates }' "$BRIDGETAP_BUILD_LOG"
echo "| the program | $(awk -v bytes="$(stat -c %s "$work/target/release/bridgetap")" 'BEGIN { printf "%.1f MB", bytes / 1e6 }') |"
echo
echo "Most of the others, in seconds of the processors: $(
  awk '$3 != "bridgetap" { took[$3] += $1 + $2 } END { for (crate in took) print took[crate], crate }' \
    "$BRIDGETAP_BUILD_LOG" | sort -rn | head -n 12 | awk '{ printf "%s%s %.0f", (NR > 1 ? ", " : ""), $2, $1 }'
)."
