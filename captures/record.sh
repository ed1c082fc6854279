#!/usr/bin/env bash
# Records the sample captures again, from real containers of the lab (tests/lab/lab.sh), which it removes afterwards.
#
#   record.sh [NAME...]     none named: all
#
# For each NAME it writes NAME.pcapng, by `bridgetap record`, and NAME.transcript.txt: what was typed, and what was
# printed. It builds bridgetap; BRIDGETAP is a program to be used instead.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=$here/../tests/lab/lab.sh
swarm=$here/../tests/lab/swarm.sh
# In the order of the lessons (docs/lessons/).
readonly names=(ping-by-address name-fails-on-default-bridge ping-by-name published-port exposed-port nginx-flask-redis
  redis-by-fqdn connect-disconnect legacy-link redis-stop-start isolated-networks listens-on-loopback host-network
  no-network macvlan overlay-two-nodes compose-default-network ipv6 external-name mariadb-flask)
# The other machine, its address for this host, and the cable between them.
readonly outside=bridgetap-outside host_address=10.88.0.1 cable=bridgetap-lab
# What the macvlan network is on.
readonly parent=bt-parent
# How long a bridge may say nothing to be called quiet, and how long that may take, in seconds.
readonly silence=2 patience=20

die() { echo "record.sh: $*" >&2; exit 1; }

# bridge_of NETWORK: its interface on the host.
bridge_of() {
  docker network inspect \
    -f '{{with index .Options "com.docker.network.bridge.name"}}{{.}}{{else}}br-{{slice .Id 0 12}}{{end}}' "$1"
}

sandbox() { docker inspect -f '{{.NetworkSettings.SandboxKey}}' "$1"; }

# packets INTERFACE...: how many they have seen.
packets() {
  local interface
  for interface; do cat "/sys/class/net/$interface/statistics/"{rx,tx}_packets; done
}

# quiet INTERFACE...: waits until they have said nothing for a while. New interfaces announce themselves (MLD, duplicate
# address detection, router solicitation), which no capture is about.
quiet() {
  local before now
  now=$(packets "$@")
  for ((i = 0; i < patience / silence; i++)); do
    before=$now
    sleep "$silence"
    now=$(packets "$@")
    [ "$before" != "$now" ] || return 0
  done
}

# cold NETWORK... -- CONTAINER...: when the networks are quiet, the host forgets who it met on them, and the containers
# forget everybody, so that ARP's questions are seen.
cold() {
  local container interface interfaces=()
  while [ "${1:---}" != -- ]; do interfaces+=("$(bridge_of "$1")"); shift; done
  shift
  quiet "$cable" "${interfaces[@]}"
  for interface in "${interfaces[@]}"; do ip neigh flush dev "$interface"; done
  for container; do nsenter --net="$(sandbox "$container")" ip neigh flush all; done
}

# record [--filter FILTER] TARGET...: as `bridgetap record` does, and returns when it has begun. IPv6 is left out unless
# there is a filter: for half a minute new interfaces look for routers by it.
record() {
  [ "$1" = --filter ] || set -- --filter 'not ip6' "$@"
  : >"$work/messages"
  "$bridgetap" record "$@" -w "$work/capture.pcapng" 2>"$work/messages" &
  recording=$!
  for ((i = 0; i < 100; i++)); do
    ! grep -q 'Ctrl-C ends' "$work/messages" || return 0
    kill -0 "$recording" 2>/dev/null || break
    sleep 0.1
  done
  die "it does not record: $(cat "$work/messages")"
}

# person COMMAND...: runs what somebody would type, and keeps what it printed. It may fail: that can be the lesson.
person() {
  { echo "\$ $(typed "$@")"; "$@" 2>&1 || true; } | tee -a "$work/transcript.txt"
}

# typed WORD...: the words as somebody would type them.
typed() {
  local word words=()
  for word; do
    case $word in
      *[[:space:]{}\\]*) words+=("'$word'") ;;
      *) words+=("$word") ;;
    esac
  done
  echo "${words[*]}"
}

# meanwhile COMMAND...: as `person`, while others type. It is in the transcript when it has ended, which `joined` waits for.
meanwhile() {
  { echo "\$ $(typed "$@")"; "$@" 2>&1 || true; } >"$work/meanwhile.txt" &
  beside=$!
}

joined() {
  wait "$beside"
  tee -a "$work/transcript.txt" <"$work/meanwhile.txt"
}

# elsewhere COMMAND...: as `person`, on the other machine.
elsewhere() { person ip netns exec "$outside" "$@"; }

# finish NAME: ends the recording as Ctrl-C would, and keeps it.
finish() {
  # The last packets of a connection come after curl has printed the page.
  sleep 0.5
  kill -INT "$recording"
  wait "$recording" || die "the recording of $1 failed: $(cat "$work/messages")"
  recording=
  install -m 644 "$work/capture.pcapng" "$here/$1.pcapng"
  install -m 644 "$work/transcript.txt" "$here/$1.transcript.txt"
}

record_ping-by-address() {
  "$lab" up default-bridge
  cold bridge -- container_1 container_2
  record bridge
  person docker exec container_1 ping -c 3 "$(address container_2)"
}

record_name-fails-on-default-bridge() {
  "$lab" up default-bridge
  cold bridge -- container_1 container_2
  record bridge
  person docker exec container_1 ping -c 1 container_2
}

record_ping-by-name() {
  "$lab" up user-bridge
  cold my_bridge -- container_a container_b
  record my_bridge
  person docker exec container_b ping -c 3 container_a
}

record_published-port() {
  "$lab" up published user-bridge
  cold bridge my_bridge -- tutorial-container container_a
  record bridge my_bridge
  elsewhere curl "http://$host_address:8080/"
  person curl http://localhost:8080/
  person docker exec container_a wget -qO- "http://$(gateway my_bridge):8080/"
}

record_exposed-port() {
  "$lab" up expose
  cold shop-net -- exposed-web visitor
  record shop-net "if:$cable"
  person docker exec visitor wget -qO- http://exposed-web:5000/
  person curl "http://$(address exposed-web):5000/"
  elsewhere curl "http://$host_address:5000/"
}

record_nginx-flask-redis() {
  "$lab" up web
  cold public-net-1 private-net-1 -- nginx flask-app redis-server
  record public-net-1 private-net-1
  person curl http://localhost:80/
  person curl http://localhost:80/
}

record_redis-by-fqdn() {
  "$lab" up web
  cold private-net-1 -- flask-app redis-server
  record private-net-1
  person docker exec flask-app redis-cli -h redis-server ping
  person docker exec flask-app redis-cli -h redis-server.private-net-1 ping
  person docker exec flask-app redis-cli -h db ping
  person docker exec flask-app getent hosts "$(address redis-server)"
  person docker exec flask-app redis-cli -h redis-server.public-net-1 ping
}

record_connect-disconnect() {
  "$lab" up user-bridge default-bridge
  cold my_bridge -- container_a container_b
  record my_bridge
  meanwhile docker exec container_b ping -c 8 container_a
  sleep 1.5
  person docker network disconnect my_bridge container_a
  person docker exec container_b ping -c 1 container_a
  sleep 2
  person docker network connect my_bridge container_a
  person docker exec container_a ip -o -4 addr
  sleep 1
  person docker network connect my_bridge container_1
  person docker exec container_1 ping -c 1 container_a
  joined
}

record_legacy-link() {
  "$lab" up link
  cold bridge -- cache app
  record bridge
  person docker exec app grep -w db /etc/hosts
  person docker exec app redis-cli -h db ping
  person docker stop cache
  person docker start newcomer
  person docker start cache
  person docker exec app grep -w db /etc/hosts
  person docker exec app redis-cli -h db ping
  person docker exec cache ping -c 1 app
}

record_redis-stop-start() {
  "$lab" up web
  cold public-net-1 private-net-1 -- nginx flask-app redis-server
  record public-net-1 private-net-1
  person curl -w '%{http_code}\n' http://localhost:80/
  person docker stop redis-server
  person curl -w '%{http_code}\n' http://localhost:80/
  person docker start redis-server
  wait_for_redis
  person curl -w '%{http_code}\n' http://localhost:80/
}

record_isolated-networks() {
  "$lab" up isolated
  cold left-net right-net -- left right
  record left-net right-net
  person docker exec left ping -c 1 right
  person docker exec left nc -w 2 "$(address right)" 80
  person docker exec left ping -c 2 -W 1 "$(address right)"
  person docker exec left ping -c 1 "$(gateway right-net)"
}

record_listens-on-loopback() {
  "$lab" up loopback-only
  cold bridge -- loopback-only
  record loopback-only
  person docker exec loopback-only curl -sI http://127.0.0.1:80/
  person curl http://localhost:4000/
  elsewhere curl "http://$host_address:4000/"
}

record_host-network() {
  "$lab" up host
  # All interfaces of the host are recorded: nothing of its own business may be kept.
  record --filter 'tcp port 9090' hostweb
  person curl http://localhost:9090/
  elsewhere curl "http://$host_address:9090/"
  person docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' hostweb
}

record_no-network() {
  "$lab" up none
  record lonely
  person docker exec lonely ip addr
  person docker exec lonely ping -c 1 10.88.0.2
  person docker exec lonely ping -c 2 127.0.0.1
}

record_macvlan() {
  "$lab" up macvlan
  cold -- mv_a mv_b
  ip neigh flush dev "$parent"
  ip -n "$outside" neigh flush all
  record mv1 "if:$parent"
  person docker exec mv_b ping -c 2 mv_a
  elsewhere curl "http://$(address mv_a):80/"
  person curl --max-time 2 "http://$(address mv_a):80/"
  # ARP asks once a second, three times.
  sleep 3
}

record_overlay-two-nodes() {
  "$lab" up default-bridge
  "$swarm" up
  # Of the cable what is between the containers only: the nodes of a swarm also talk about themselves. Of the container its
  # lookups only: the rest is on the cable.
  record --filter 'udp port 4789 or udp port 53' "if:$cable" container:ov_a
  person docker exec ov_a ping -c 3 ov_remote
  person docker exec ov_a wget -qO- http://ov_remote/
}

record_compose-default-network() {
  local visit
  "$lab" up compose
  cold shop_default -- shop_web_1 shop_api_1
  record shop_default
  person docker exec shop_web_1 wget -qO- http://api/
  person docker-compose -p shop -f tests/lab/compose.yml up -d --scale api=2
  # The order of the answers is drawn anew each time.
  for visit in 1 2 3 4; do person docker exec shop_web_1 wget -qO- http://api/; done
}

record_ipv6() {
  "$lab" up ipv6
  cold v6net -- v6_a v6_b
  # All but router solicitations.
  record --filter 'not ip6[40] == 133' v6net
  person docker exec v6_b ping6 -c 2 v6_a
  person docker exec v6_b ping -4 -c 1 v6_a
  person docker exec v6_a ip -o -6 addr show eth0
  # Five seconds after v6_a answered, it makes sure of its neighbour.
  sleep 5
}

record_external-name() {
  "$lab" up user-bridge
  cold my_bridge -- container_a
  record my_bridge
  person docker exec container_a nslookup example.test
  person docker exec container_a nslookup nobody.test
}

record_mariadb-flask() {
  "$lab" up mariadb
  cold mysql-net -- flask-mysql mysql-server
  record mysql-net
  person curl http://localhost:8081/
  person docker exec flask-mysql mariadb -h mysql-server -ushop -pwrong
  person docker restart mysql-server
  person curl http://localhost:8081/
  wait_for_mariadb
  person curl http://localhost:8081/
}

# gateway NETWORK: this host's address there.
gateway() { docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$1"; }

# address CONTAINER: on its only network.
address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }

wait_for_redis() {
  for ((i = 0; i < 100; i++)); do
    docker exec redis-server redis-cli ping >/dev/null 2>&1 && return
    sleep 0.1
  done
  die 'redis-server does not answer'
}

wait_for_mariadb() {
  for ((i = 0; i < 100; i++)); do
    docker exec mysql-server mariadb -e 'SELECT 1' >/dev/null 2>&1 && return
    sleep 0.1
  done
  die 'mysql-server does not answer'
}

# clean_up: whatever happened, no recording and no container stays behind.
clean_up() {
  if [ -n "$recording" ]; then kill "$recording" 2>/dev/null || true; fi
  rm -rf "$root"
  "$lab" down
}

[ "$(id -u)" = 0 ] || die 'run it as root'
[ $# -gt 0 ] || set -- "${names[@]}"
for name; do declare -F "record_$name" >/dev/null || die "no capture '$name': ${names[*]}"; done
bridgetap=${BRIDGETAP:-}
if [ -z "$bridgetap" ]; then
  cargo build --release --quiet --manifest-path "$here/../Cargo.toml" || die 'bridgetap cannot be built'
  bridgetap=${CARGO_TARGET_DIR:-$here/../target}/release/bridgetap
fi
root=$(mktemp -d)
recording=
trap clean_up EXIT
# curl draws a progress meter when it does not print to a terminal: not here, so that it prints what a person sees.
printf 'silent\nshow-error\n' >"$root/.curlrc"
export CURL_HOME=$root
# A file that somebody types is named from here.
cd "$here/.."
for name; do
  work=$root/$name
  mkdir "$work"
  echo "== $name" >&2
  "record_$name"
  finish "$name"
done
