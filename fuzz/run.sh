#!/usr/bin/env bash
# Fuzzes every target, as many at a time as there are cores, and ends with a table of what was run. docs/fuzzing.md has
# more.
#   fuzz/run.sh                     ten minutes each
#   fuzz/run.sh 60                  a minute each
#   fuzz/run.sh 60 packet dns       these only
# BRIDGETAP_FUZZ_JOBS=NUMBER runs so many at a time; BRIDGETAP_CORPUS=FOLDER adds the captures there to the seeds. What is
# found stays in fuzz/corpus and fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./setup.sh
need_cargo
need_packages gcc g++ libc6-dev libpcap-dev
seconds="${1:-600}" jobs="${BRIDGETAP_FUZZ_JOBS:-$(nproc)}"
[ $# -eq 0 ] || shift
[[ "$seconds" =~ ^[1-9][0-9]*$ && "$jobs" =~ ^[1-9][0-9]*$ ]] || { echo "fuzz/run.sh SECONDS [TARGET...]" >&2; exit 2; }

cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
# Nightly is the usual way. The stable compiler has the same sanitizers, and gives them to who asks like this.
fuzz=(cargo fuzz)
if rustup run nightly rustc --version >/dev/null 2>&1; then
  fuzz=(cargo +nightly fuzz)
else
  export RUSTC_BOOTSTRAP=1
fi

# No lookup leaves the machine, should a filter once ask libpcap's resolver.
alone=()
[ "$(id -u)" != 0 ] || alone=(unshare --net)

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("${fuzz[@]}" list)
BRIDGETAP_SEEDS="$PWD/fuzz/corpus" env -u RUSTC_BOOTSTRAP cargo test --quiet --test fuzz -- --exact seeds_can_be_written >&2
"${fuzz[@]}" build

mkdir -p fuzz/artifacts
head='| Target | Seconds | of CPU | Executions | Each second | of CPU | Edges | of | Features | Corpus | Found |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|'

# Runs one target, and leaves its row of the table in fuzz/artifacts/TARGET.row; false where something was found.
run_target() {
  local target=$1 folder="fuzz/artifacts/$1" log="fuzz/artifacts/$1.log" failed=0 options dictionary found progress used runs
  mkdir -p "$folder" "fuzz/corpus/$target"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1)
  # Of choices few bytes are enough, but not as few as libFuzzer begins with.
  [[ "$target" != conversation && "$target" != writer ]] || options+=(-max_len=1024 -len_control=0)
  dictionary="fuzz/dictionaries/$target.dict"
  [ ! -f "$dictionary" ] || options+=(-dict="$dictionary")
  # What it had of the cores counts on a machine that does other things as well.
  TIMEFORMAT='%0U'
  used=$({ time "${alone[@]}" "${fuzz[@]}" run "$target" -- "${options[@]}" >"$log" 2>&1; } 2>&1) || failed=1
  found=$(find "$folder" -type f | wc -l)
  # The last line of libFuzzer's progress has its counters.
  progress=$(grep -aE '^#[0-9]+.*cov: ' "$log" | tail -n 1 || true)
  counter() { sed -nE "s/.*$1: ([0-9]+).*/\1/p" <<<"$progress"; }
  total() { sed -nE "s/^stat::$1: *([0-9]+)/\1/p" "$log"; }
  runs=$(total number_of_executed_units)
  printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$target" "$seconds" "$used" "$runs" \
    "$(total average_exec_per_sec)" "$((${runs:-0} / (used > 0 ? used : 1)))" "$(counter cov)" \
    "$(sed -nE '0,/Loaded 1 modules/s/.*\(([0-9]+) inline 8-bit counters\).*/\1/p' "$log" | head -n 1)" "$(counter ft)" \
    "$(find "fuzz/corpus/$target" -type f | wc -l)" "$found" | tee "fuzz/artifacts/$target.row"
  [ "$found" = 0 ] || echo "$target: see $log; a minimal case: ${fuzz[*]} tmin $target $folder/FILE" >&2
  return "$failed"
}

failed=0 running=0
for target in "${targets[@]}"; do
  rm -f "fuzz/artifacts/$target.row"
  if [ "$running" -ge "$jobs" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
  run_target "$target" &
  running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
echo
{ echo "$head" && for target in "${targets[@]}"; do cat "fuzz/artifacts/$target.row"; done; } | tee fuzz/artifacts/table.md
exit "$failed"
