#!/usr/bin/env bash
# Fuzzes every target, one after the other, and ends with a table of what was run. docs/fuzzing.md has more.
#   fuzz/run.sh                     ten minutes each
#   fuzz/run.sh 60                  a minute each
#   fuzz/run.sh 60 packet dns       these only
# BRIDGETAP_CORPUS=FOLDER adds the captures there to the seeds. What is found stays in fuzz/corpus and fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./setup.sh
need_cargo
need_packages gcc g++ libc6-dev libpcap-dev
seconds="${1:-600}"
[ $# -eq 0 ] || shift
[[ "$seconds" =~ ^[1-9][0-9]*$ ]] || { echo "fuzz/run.sh SECONDS [TARGET...]" >&2; exit 2; }

cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
# Nightly is the usual way. The stable compiler has the same sanitizers, and gives them to who asks like this.
fuzz=(cargo fuzz)
if rustup run nightly rustc --version >/dev/null 2>&1; then
  fuzz=(cargo +nightly fuzz)
else
  export RUSTC_BOOTSTRAP=1
fi

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("${fuzz[@]}" list)
BRIDGETAP_SEEDS="$PWD/fuzz/corpus" env -u RUSTC_BOOTSTRAP cargo test --quiet --test fuzz -- --exact seeds_can_be_written >&2
"${fuzz[@]}" build

mkdir -p fuzz/artifacts
table='fuzz/artifacts/table.md'
printf '| Target | Seconds | Executions | Each second | Edges | Features | Corpus | Found |\n' >"$table"
printf '|---|---:|---:|---:|---:|---:|---:|---:|\n' >>"$table"
failed=0
for target in "${targets[@]}"; do
  folder="fuzz/artifacts/$target" log="fuzz/artifacts/$target.log"
  mkdir -p "$folder" "fuzz/corpus/$target"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1)
  # Of choices few bytes are enough, but not as few as libFuzzer begins with.
  [[ "$target" != conversation && "$target" != writer ]] || options+=(-max_len=1024 -len_control=0)
  dictionary="fuzz/dictionaries/$target.dict"
  [ ! -f "$dictionary" ] || options+=(-dict="$dictionary")
  "${fuzz[@]}" run "$target" -- "${options[@]}" >"$log" 2>&1 || failed=1
  found=$(find "$folder" -type f | wc -l)
  # The last line of libFuzzer's progress has its counters.
  progress=$(grep -aE '^#[0-9]+.*cov: ' "$log" | tail -n 1 || true)
  counter() { sed -nE "s/.*$1: ([0-9]+).*/\1/p" <<<"$progress"; }
  total() { sed -nE "s/^stat::$1: *([0-9]+)/\1/p" "$log"; }
  printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$target" "$seconds" "$(total number_of_executed_units)" \
    "$(total average_exec_per_sec)" "$(counter cov)" "$(counter ft)" "$(find "fuzz/corpus/$target" -type f | wc -l)" \
    "$found" | tee -a "$table"
  [ "$found" = 0 ] || echo "$target: see $log; a minimal case: ${fuzz[*]} tmin $target $folder/FILE" >&2
done
echo
cat "$table"
exit "$failed"
