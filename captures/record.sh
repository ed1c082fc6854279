#!/usr/bin/env bash
# Records the sample captures again, from real containers of the lab (tests/lab/lab.sh), which it removes afterwards.
#
#   record.sh [NAME...]     none named: all
#
# For each NAME it writes NAME.pcapng, all taps in one file with the names of the containers, and
# NAME.transcript.txt: what was typed, and what was printed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$here/../tests/lab/lab.sh
swarm=$here/../tests/lab/swarm.sh
readonly names=(ping-by-address ping-by-name name-fails-on-default-bridge published-port nginx-flask-redis
  redis-stop-start overlay-two-nodes)
# Docker's name service is asked there, inside each container's namespace: nothing of it crosses the bridge.
readonly name_service='host 127.0.0.11'
readonly outside=bridgetap-outside host_address=10.88.0.1
# The cable to the other machine, and what is looked at there: the nodes of a swarm also talk about themselves.
readonly cable=bridgetap-lab overlay='udp port 4789'

die() { echo "record.sh: $*" >&2; exit 1; }

now() { date +%s%N; }

# The taps that run now: their process ids, and the number that their files begin with.
declare -A running=()

# tap INTERFACE DESCRIPTION NETWORK NETWORK_ID CONTAINER COMMAND...: starts one tap, and returns when it listens.
# An empty NETWORK, NETWORK_ID or CONTAINER is null. COMMAND goes before tcpdump; `env` for nothing.
tap() {
  local interface=$1 description=$2 number file filter=''
  number=$(printf %02d "$(find "$work" -name '*.tap.json' | wc -l)")
  file=$work/$number.tap
  [ -z "$5" ] || filter=$name_service
  [ "$interface" != "$cable" ] || filter=$overlay
  python3 -c '
import json, sys
keys = ("interface", "description", "filter", "network", "network_id", "namespace")
print(json.dumps({key: value or None for key, value in zip(keys, sys.argv[1:])}))
' "$interface" "$description" "$filter" "${@:3:3}" >"$file.json"
  shift 5
  # As root: Debian's tcpdump may become a user who cannot write to our folder.
  # shellcheck disable=SC2086 # a filter is several words
  "$@" tcpdump -Z root -i "$interface" --immediate-mode --time-stamp-precision=nano -n -U -w "$file.pcap" $filter \
    2>"$file.log" &
  running[$number]=$!
  for ((i = 0; i < 100; i++)); do
    ! grep -q 'listening on' "$file.log" || return 0
    kill -0 "${running[$number]}" 2>/dev/null || break
    sleep 0.05
  done
  die "tcpdump does not listen on $interface: $(cat "$file.log")"
}

# bridge_of NETWORK: its interface on the host.
bridge_of() {
  docker network inspect \
    -f '{{with index .Options "com.docker.network.bridge.name"}}{{.}}{{else}}br-{{slice .Id 0 12}}{{end}}' "$1"
}

# tap_network NETWORK: its bridge, on the host.
tap_network() {
  tap "$(bridge_of "$1")" "network $1" "$1" "$(docker network inspect -f '{{.Id}}' "$1")" '' env
}

# tap_lookups CONTAINER [REMARK]: what it asks Docker's name service.
tap_lookups() { tap lo "lo of $1${2:-}" '' '' "$1" nsenter --net="$(sandbox "$1")"; }

sandbox() { docker inspect -f '{{.NetworkSettings.SandboxKey}}' "$1"; }

# stop_taps [NUMBER...]: ends them as Ctrl-C would, so that tcpdump writes what it has and its counts.
stop_taps() {
  local number
  [ $# -gt 0 ] || set -- "${!running[@]}"
  for number; do
    kill -INT "${running[$number]}" 2>/dev/null || true
    wait "${running[$number]}" || true
    unset "running[$number]"
    python3 -c '
import json, sys
about = json.load(open(sys.argv[1]))
json.dump({**about, "until": int(sys.argv[2])}, open(sys.argv[1], "w"))
' "$work/$number.tap.json" "$(now)"
  done
}

# remember AT: the names from AT (nanoseconds since the epoch) on.
remember() {
  local number
  number=$(printf %02d "$(find "$work" -name '*.names.json' | wc -l)")
  python3 "$here/directory.py" "$1" "$host_address" >"$work/$number.names.json"
}

# quiet NETWORK...: waits until a bridge has said nothing for two seconds. New interfaces announce themselves (MLD,
# duplicate address detection), which no capture is about.
quiet() {
  local network interface
  for network; do
    interface=$(bridge_of "$network")
    for ((i = 0; i < 10; i++)); do
      timeout 2 tcpdump -i "$interface" -c 1 >/dev/null 2>&1 || break
    done
  done
}

# cold NETWORK... -- CONTAINER...: the host forgets who it met on the networks, and the containers forget everybody,
# so that ARP's questions are seen.
cold() {
  local container
  while [ "${1:---}" != -- ]; do ip neigh flush dev "$(bridge_of "$1")"; shift; done
  shift
  for container; do nsenter --net="$(sandbox "$container")" ip neigh flush all; done
}

# person COMMAND...: runs what somebody would type, and keeps what it printed. It may fail: that can be the lesson.
person() {
  { echo "\$ $*"; "$@" 2>&1 || true; } | tee -a "$work/transcript.txt"
}

# begin SCENARIO NETWORK... -- CONTAINER...: brings the scenario up, and taps its bridges and the containers' lookups.
begin() {
  local scenario=$1 on_networks=() network container start
  shift
  while [ "${1:---}" != -- ]; do on_networks+=("$1"); shift; done
  shift || true
  "$lab" up "$scenario"
  quiet "${on_networks[@]}"
  start=$(now)
  for network in "${on_networks[@]}"; do tap_network "$network"; done
  for container; do tap_lookups "$container"; done
  remember "$start"
}

# finish NAME: stops the taps and writes the files.
finish() {
  # The last packets of a connection come after curl has printed the page.
  sleep 0.5
  stop_taps
  python3 "$here/pcapng.py" "$work" "$here/$1.pcapng"
  cp "$work/transcript.txt" "$here/$1.transcript.txt"
}

record_ping-by-address() {
  begin default-bridge bridge
  cold bridge -- container_1 container_2
  person docker exec container_1 ping -c 3 "$(docker inspect -f '{{.NetworkSettings.IPAddress}}' container_2)"
}

record_ping-by-name() {
  begin user-bridge my_bridge -- container_a container_b
  cold my_bridge -- container_a container_b
  person docker exec container_b ping -c 3 container_a
}

record_name-fails-on-default-bridge() {
  begin default-bridge bridge
  cold bridge -- container_1 container_2
  person docker exec container_1 ping -c 1 container_2
}

record_published-port() {
  begin published bridge
  cold bridge -- tutorial-container
  person curl http://localhost:8080/
  person ip netns exec "$outside" curl "http://$host_address:8080/"
}

record_nginx-flask-redis() {
  begin web public-net-1 private-net-1 -- nginx flask-app redis-server
  cold public-net-1 private-net-1 -- nginx flask-app redis-server
  person curl http://localhost:80/
  person curl http://localhost:80/
}

record_redis-stop-start() {
  local start
  begin web public-net-1 private-net-1 -- nginx flask-app redis-server
  cold public-net-1 private-net-1 -- nginx flask-app redis-server
  person curl http://localhost:80/
  start=$(now)
  person docker stop redis-server
  # Its last packets are its own still: its name goes when the daemon says that it left the network.
  remember "$(left_network redis-server "$start")"
  # Its namespace is gone; only tcpdump keeps it from vanishing.
  stop_taps "$(tap_of redis-server)"
  person curl http://localhost:80/
  # From before the start, so that its first packet has a name: nobody else could have its address by then.
  start=$(now)
  person docker start redis-server
  tap_lookups redis-server ', started again'
  remember "$start"
  wait_for_redis
  person curl http://localhost:80/
}

record_overlay-two-nodes() {
  local start
  "$lab" up default-bridge
  "$swarm" up
  start=$(now)
  tap "$cable" 'cable to the other node' '' '' '' env
  tap_lookups ov_a
  remember "$start"
  person docker exec ov_a ping -c 3 ov_remote
  person docker exec ov_a wget -qO- http://ov_remote/
}

# left_network CONTAINER SINCE: when it left the last of its networks, in nanoseconds since the epoch.
left_network() {
  local id
  id=$(docker inspect -f '{{.Id}}' "$1")
  docker events --since "$((${2%?????????}))" --until "$(($(date +%s) + 1))" --filter type=network \
    --filter event=disconnect --format '{{.TimeNano}} {{.Actor.Attributes.container}}' |
    awk -v id="$id" '$2 == id {at = $1} END {if (!at) exit 1; print at}'
}

# tap_of CONTAINER: the number of the tap in its namespace.
tap_of() {
  local file
  file=$(grep -l "\"namespace\": \"$1\"" "$work"/*.tap.json | head -n 1)
  basename "$file" .tap.json
}

wait_for_redis() {
  for ((i = 0; i < 100; i++)); do
    docker exec redis-server redis-cli ping >/dev/null 2>&1 && return
    sleep 0.1
  done
  die 'redis-server does not answer'
}

# clean_up: whatever happened, no tap and no container stays behind.
clean_up() {
  local number
  for number in "${!running[@]}"; do kill "${running[$number]}" 2>/dev/null || true; done
  rm -rf "$root"
  "$lab" down
}

[ "$(id -u)" = 0 ] || die 'run it as root'
command -v tcpdump >/dev/null ||
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q tcpdump; } >/dev/null ||
  die 'cannot install tcpdump'
[ $# -gt 0 ] || set -- "${names[@]}"
for name; do declare -F "record_$name" >/dev/null || die "no capture '$name': ${names[*]}"; done
root=$(mktemp -d)
trap clean_up EXIT
# curl draws a progress meter when it does not print to a terminal: not here, so that it prints what a person sees.
printf 'silent\nshow-error\n' >"$root/.curlrc"
export CURL_HOME=$root
for name; do
  work=$root/$name
  mkdir "$work"
  echo "== $name" >&2
  "record_$name"
  finish "$name"
done
