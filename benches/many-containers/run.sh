#!/usr/bin/env bash
# What a watch of everything costs with many containers: the time until it watches, its memory, and its processor time
# while nothing happens. Makes the containers itself, and removes them.
#
#   run.sh [CONTAINERS [NETWORKS [SECONDS]]]     as root, with a Docker Engine; 200, 10 and 20 unless given
set -euo pipefail

readonly containers=${1:-200} networks=${2:-10} seconds=${3:-20}
readonly label=bridgetap.many=1 image=bridgetap-lab-busybox
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly program=${BRIDGETAP:-$here/target/release/bridgetap}
work=$(mktemp -d)

clean() {
  rm -rf "$work"
  docker ps -aq --filter "label=$label" | xargs -r docker rm -f >/dev/null
  docker network ls -q --filter "label=$label" | xargs -r docker network rm >/dev/null
}
trap clean EXIT

# Processor time of a process in ticks of 10 ms, user and system.
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

[ -x "$program" ] || { echo "no $program: cargo build --release first, or set BRIDGETAP" >&2; exit 1; }
"$here/tests/lab/images.sh" busybox
for ((n = 0; n < networks; n++)); do
  docker network create --label "$label" --subnet "10.201.$n.0/24" "bridgetap-many$n" >/dev/null
done
for ((i = 0; i < containers; i++)); do
  docker run -d --pull=never --label "$label" --stop-timeout 0 --network "bridgetap-many$((i % networks))" \
    --name "bridgetap-many-$i" "$image" sleep 100000 >/dev/null
done

: >"$work/said"
begin=$(date +%s%N)
"$program" watch >"$work/log" 2>"$work/said" &
pid=$!
until grep -q watching "$work/said"; do kill -0 "$pid"; sleep 0.005; done
echo "watching after $((($(date +%s%N) - begin) / 1000000)) ms"
cat "$work/said"
sleep 3
before=$(ticks "$pid")
sleep "$seconds"
after=$(ticks "$pid")
echo "idle: $(((after - before) * 1000 / (seconds * 100))) thousandths of a core, over $seconds s"
grep -E 'VmHWM|Threads' "/proc/$pid/status"
kill -INT "$pid"
wait "$pid"
