#!/usr/bin/env bash
# What fuzz/corpus reaches, after fuzz/run.sh: of each folder in src, the functions that some target calls, and the edges
# in all of its functions that the targets are linked with. What a function was inlined into has its edges.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./setup.sh
need_packages llvm
fuzz=(cargo fuzz)
if rustup run nightly rustc --version >/dev/null 2>&1; then
  fuzz=(cargo +nightly fuzz)
else
  export RUSTC_BOOTSTRAP=1
fi
export ASAN_SYMBOLIZER_PATH="${ASAN_SYMBOLIZER_PATH:-$(command -v llvm-symbolizer)}"
for target in $("${fuzz[@]}" list); do
  "${fuzz[@]}" run "$target" -- -runs=0 -max_len=8192 -print_coverage=1 2>&1 |
    grep -aE "^(UN)?COVERED_FUNC: .* $PWD/src/[^ ]+:[0-9]+$" || true
done | awk -v src="$PWD/src/" '
  {
    split($5, edges, "/")
    path = $NF
    name = $0
    sub(/.*edges: [^ ]* /, "", name)
    if (edges[1] > reached[name]) reached[name] = edges[1]
    if (edges[2] > all[name]) all[name] = edges[2]
    folder[name] = substr(path, length(src) + 1)
    sub(/[\/:].*/, "", folder[name])
  }
  END {
    for (name in all) {
      at = folder[name]
      functions[at]++; called[at] += reached[name] > 0; hit[at] += reached[name]; total[at] += all[name]
    }
    print "| In `src/` | Functions | Called | Edges | Reached | |\n|---|--:|--:|--:|--:|--:|"
    for (at in total) {
      row = "| `%s` | %d | %d | %d | %d | %.0f %% |\n"
      printf row, at, functions[at], called[at], total[at], hit[at], 100 * hit[at] / total[at] | "sort"
    }
  }'
