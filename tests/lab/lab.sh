#!/usr/bin/env bash
# Real containers on the real Docker Engine, for tests and for the sample captures. No lookup leaves the machine: a
# network namespace plays another machine, and its name server is the one that every container of the lab asks.
#
#   lab.sh up [SCENARIO...]   none named: all but compose and mariadb, which need more programs and an image more;
#                             begins with a `down`; returns when the servers answer
#   lab.sh down               removes every trace, after a half-finished `up` too
#
# Everything carries the label bridgetap.lab=1; what does not is never touched.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly label=bridgetap.lab=1 busybox=bridgetap-lab-busybox debian=bridgetap-lab mariadb=bridgetap-lab-mariadb
# The other machine: its namespace, this host's end of the cable, both addresses.
readonly outside=bridgetap-outside cable=bridgetap-lab host_address=10.88.0.1 outside_address=10.88.0.2
readonly -A containers=(
  [default-bridge]='container_1 container_2'
  [user-bridge]='container_a container_b'
  [published]='tutorial-container'
  [expose]='exposed-web visitor'
  [web]='redis-server flask-app nginx'
  [loopback-only]='loopback-only'
  [internal]='inner_a inner_b'
  [ipv6]='v6_a v6_b'
  [macvlan]='mv_a mv_b'
  [overlay]='ov_a ov_b'
  [host]='hostweb'
  [none]='lonely'
  [link]='cache app newcomer'
  [isolated]='left right'
  [compose]='shop_web_1 shop_api_1 shop_api_2'
  [mariadb]='mysql-server flask-mysql'
)
readonly -A networks=([user-bridge]='my_bridge' [expose]='shop-net' [web]='public-net-1 private-net-1'
  [internal]='inner' [ipv6]='v6net' [macvlan]='mv1' [overlay]='docker_gwbridge' [isolated]='left-net right-net'
  [compose]='shop_default' [mariadb]='mysql-net')
# Those that are meant where none is named.
readonly scenarios=(default-bridge user-bridge published expose web loopback-only internal ipv6 macvlan overlay host
  none link isolated)
readonly named_only=(compose mariadb)
# The parent of the macvlan network, with this host's address there, and the other machine's at its other end.
readonly parent=bt-parent parent_address=10.99.0.254 router_address=10.99.0.1
# How long a server may take to answer, in tenths of a second.
readonly patience=150

die() { echo "lab.sh: $*" >&2; exit 1; }

# wait_for WHAT COMMAND...: until COMMAND succeeds.
wait_for() {
  local what=$1
  shift
  for ((i = 0; i < patience; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  die "$what did not come in $((patience / 10)) s; it said: $("$@" 2>&1 | tail -n 3)"
}

# container create|run NAME OPTION... IMAGE COMMAND...: one container of the lab.
# Without --dns-search it would inherit this machine's search domain, and a capture would show it.
container() {
  local verb=$1 name=$2
  shift 2
  [ "$verb" = create ] || set -- -d "$@"
  docker "$verb" --pull=never --label "$label" --name "$name" --dns "$outside_address" --dns-search . "$@" >/dev/null
}

# network NAME PREFIX OPTION...: on PREFIX.0.0/16 where that is free, so that two recordings can be compared; else where
# Docker puts it.
network() {
  local name=$1 prefix=$2 create=(docker network create --label "$label")
  shift 2
  "${create[@]}" --subnet "$prefix.0.0/16" --gateway "$prefix.0.1" "$@" "$name" >/dev/null 2>&1 ||
    "${create[@]}" "$@" "$name" >/dev/null
}

# up_SCENARIO starts one scenario, and waits for its servers by asking inside the container: a question over the
# bridge would warm its ARP cache.
up_default-bridge() {
  container run container_1 -it "$busybox" sh
  container run container_2 -it "$busybox" sh
}

up_user-bridge() {
  network my_bridge 172.18
  container run container_a -it --network my_bridge "$busybox" sh
  container run container_b -it --network my_bridge "$busybox" sh
}

up_published() {
  container run tutorial-container -p 8080:5000 "$busybox" \
    sh -c 'mkdir -p /www; echo Hello >/www/index.html; exec httpd -f -p 5000 -h /www'
  wait_for tutorial-container docker exec tutorial-container wget -qO- http://127.0.0.1:5000/
}

# A server whose port is exposed and not published, and a container beside it.
up_expose() {
  network shop-net 172.21
  container run exposed-web --network shop-net --expose 5000 "$busybox" \
    sh -c 'mkdir -p /www; echo Hello >/www/index.html; exec httpd -f -p 5000 -h /www'
  container run visitor -it --network shop-net "$busybox" sh
  wait_for exposed-web docker exec exposed-web wget -qO- http://127.0.0.1:5000/
}

up_web() {
  network public-net-1 172.19
  network private-net-1 172.20
  container run redis-server --network private-net-1 --network-alias db "$debian" \
    redis-server --bind 0.0.0.0 --protected-mode no
  container create flask-app --network public-net-1 "$debian" python3 -c "$(cat "$here/flask_app.py")"
  docker network connect private-net-1 flask-app
  docker start flask-app >/dev/null
  # One worker: each has a cache of names of its own, and which one a visitor meets is chance.
  # shellcheck disable=SC2016 # $1 is the container's
  container run nginx --network public-net-1 -p 80:80 "$debian" sh -c '
    sed -i "s/^worker_processes .*/worker_processes 1;/" /etc/nginx/nginx.conf
    echo "$1" >/etc/nginx/sites-enabled/default
    exec nginx -g "daemon off;"' sh "$(cat "$here/nginx.conf")"
  wait_for redis-server docker exec redis-server redis-cli ping
  wait_for flask-app docker exec flask-app curl -fsS http://127.0.0.1:5000/ready
  wait_for nginx docker exec nginx curl -fsS http://127.0.0.1:80/ready
}

up_loopback-only() {
  container run loopback-only -p 4000:80 "$debian" python3 -m http.server 80 --bind 127.0.0.1
  wait_for loopback-only docker exec loopback-only curl -fsS http://127.0.0.1:80/
}

up_internal() {
  docker network create --label "$label" --internal inner >/dev/null
  container run inner_a -it --network inner "$busybox" sh
  container run inner_b -it --network inner "$busybox" sh
}

up_ipv6() {
  network v6net 172.27 --ipv6 --subnet fd00:dead:beef::/64
  container run v6_a -it --network v6net "$busybox" sh
  container run v6_b -it --network v6net "$busybox" sh
}

# A second cable to the other machine, which is the router of this network. This host has an address on it, too, and
# still reaches no container there.
up_macvlan() {
  ip link add "$parent" type veth peer name eth1 netns "$outside"
  ip addr add "$parent_address/24" dev "$parent"
  ip link set "$parent" up
  ip -n "$outside" addr add "$router_address/24" dev eth1
  ip -n "$outside" link set eth1 up
  docker network create --label "$label" -d macvlan -o parent="$parent" --subnet 10.99.0.0/24 \
    --gateway "$router_address" mv1 >/dev/null
  container run mv_a --network mv1 "$busybox" \
    sh -c 'mkdir -p /www; echo Hello >/www/index.html; exec httpd -f -p 80 -h /www'
  container run mv_b -it --network mv1 "$busybox" sh
  wait_for mv_a docker exec mv_a wget -qO- http://127.0.0.1:80/
}

# A swarm of one node. Docker would make docker_gwbridge itself, but without a label to know the lab's swarm by.
up_overlay() {
  docker network create --label "$label" -o com.docker.network.bridge.name=docker_gwbridge \
    -o com.docker.network.bridge.enable_icc=false docker_gwbridge >/dev/null
  docker swarm init --advertise-addr "$host_address" >/dev/null
  docker network create --label "$label" -d overlay --attachable ov1 >/dev/null
  container run ov_a -it --network ov1 "$busybox" sh
  container run ov_b -it --network ov1 "$busybox" sh
}

up_host() {
  container run hostweb --network host "$busybox" \
    sh -c 'mkdir -p /www; echo host >/www/index.html; exec httpd -f -p 9090 -h /www'
  wait_for hostweb docker exec hostweb wget -qO- http://127.0.0.1:9090/
}

up_none() { container run lonely -it --network none "$busybox" sh; }

# All on the default bridge. newcomer is not started: it is for taking an address that another one gave up.
up_link() {
  container run cache "$debian" redis-server --bind 0.0.0.0 --protected-mode no
  wait_for cache docker exec cache redis-cli ping
  container run app -it --link cache:db "$debian" bash
  container create newcomer -it "$busybox" sh
}

up_isolated() {
  network left-net 172.24
  network right-net 172.25
  container run left -it --network left-net "$busybox" sh
  container run right --network right-net "$busybox" \
    sh -c 'mkdir -p /www; echo Hello >/www/index.html; exec httpd -f -p 80 -h /www'
  wait_for right docker exec right wget -qO- http://127.0.0.1:80/
}

# The project has a name of its own and not this folder's.
up_compose() {
  need docker-compose docker-compose
  docker-compose -p shop -f "$here/compose.yml" up -d 2>/dev/null || die 'docker-compose could not bring it up'
  wait_for shop_api_1 docker exec shop_api_1 wget -qO- http://127.0.0.1:80/
}

# The server looks up the names of its clients, as it does unless it is told not to (skip-name-resolve).
up_mariadb() {
  network mysql-net 172.26
  # shellcheck disable=SC2016 # $1 is the container's
  container run mysql-server --network mysql-net "$mariadb" sh -c '
    mkdir -p /run/mysqld
    [ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=root --auth-root-authentication-method=normal >/dev/null
    echo "$1" >/tmp/shop.sql
    exec mariadbd --user=root --init-file=/tmp/shop.sql' sh "$(cat "$here/shop.sql")"
  container run flask-mysql --network mysql-net -p 8081:5000 "$mariadb" python3 -c "$(cat "$here/flask_mysql.py")"
  wait_for mysql-server docker exec mysql-server mariadb -e 'SELECT * FROM shop.visits'
  wait_for flask-mysql docker exec flask-mysql curl -fsS http://127.0.0.1:5000/ready
}

# Another machine, routed to this host, with the name server: it knows example.test and no other name.
up_outside() {
  ip netns add "$outside"
  ip link add "$cable" type veth peer name eth0 netns "$outside"
  ip addr add "$host_address/24" dev "$cable"
  ip link set "$cable" up
  ip -n "$outside" addr add "$outside_address/24" dev eth0
  ip -n "$outside" link set lo up
  ip -n "$outside" link set eth0 up
  ip -n "$outside" route add default via "$host_address"
  # A host record, so that its AAAA is an empty answer and not NXDOMAIN. /#/ is every other name: without it dnsmasq,
  # which has nobody to ask (-R), says REFUSED rather than NXDOMAIN.
  ip netns exec "$outside" dnsmasq -R -h --conf-file=/dev/null --pid-file= --bind-interfaces \
    --listen-address="$outside_address" --host-record=example.test,203.0.113.7 --address=/#/
}

# refuse_strangers SCENARIO...: nothing of somebody else's may be in the way.
refuse_strangers() {
  local scenario name owner
  for scenario; do
    for name in ${containers[$scenario]}; do
      owner=$(docker container inspect -f '{{index .Config.Labels "bridgetap.lab"}}' "$name" 2>/dev/null) || continue
      [ "$owner" = 1 ] || die "there is a container '$name' that is not the lab's: rename or remove it first"
    done
    for name in ${networks[$scenario]:-}; do
      owner=$(docker network inspect -f '{{index .Labels "bridgetap.lab"}}' "$name" 2>/dev/null) || continue
      [ "$owner" = 1 ] || die "there is a network '$name' that is not the lab's: remove it first"
    done
  done
  if [[ " $* " == *' overlay '* ]] && in_swarm && ! in_labs_swarm; then
    die 'this engine is in a swarm that is not the lab'"'"'s: leave out the scenario overlay'
  fi
  owner=$(ip -4 -o addr show to "$host_address/24" | awk -v cable="$cable" '$2 != cable {print $2; exit}')
  [ -z "$owner" ] || die "the lab's addresses $host_address/24 are in use on the interface $owner"
}

in_swarm() { [ "$(docker info -f '{{.Swarm.LocalNodeState}}')" = active ]; }

in_labs_swarm() {
  in_swarm && [ "$(docker network inspect -f '{{index .Labels "bridgetap.lab"}}' docker_gwbridge 2>/dev/null)" = 1 ]
}

# wants_debian SCENARIO...: whether one of them needs the image with real servers.
wants_debian() { [[ " $* " == *' web '* || " $* " == *' loopback-only '* || " $* " == *' link '* ]]; }

# need COMMAND PACKAGE: installs PACKAGE when there is no COMMAND.
need() {
  command -v "$1" >/dev/null && return
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2"; } \
    >/dev/null || die "cannot install $2"
}

up() {
  local scenario
  [ $# -gt 0 ] || set -- "${scenarios[@]}"
  for scenario; do
    [ -n "${containers[$scenario]:-}" ] || die "no scenario '$scenario': ${scenarios[*]} ${named_only[*]}"
  done
  refuse_strangers "$@"
  down
  need dnsmasq dnsmasq-base
  "$here/images.sh" busybox
  if wants_debian "$@"; then "$here/images.sh" lab; fi
  if [[ " $* " == *' mariadb '* ]]; then "$here/images.sh" mariadb; fi
  up_outside
  for scenario; do "up_$scenario"; done
}

down() {
  local ids
  # The second node of a swarm lives in the other machine.
  "$here/swarm.sh" down
  ids=$(docker ps -aq --filter "label=$label")
  # shellcheck disable=SC2086 # a list of ids
  [ -z "$ids" ] || docker rm -f -v $ids >/dev/null
  # An overlay network goes with its swarm, and docker_gwbridge can go only after it.
  if in_labs_swarm; then docker swarm leave --force >/dev/null; fi
  ids=$(docker network ls -q --filter "label=$label")
  # shellcheck disable=SC2086
  [ -z "$ids" ] || docker network rm $ids >/dev/null
  if [ -e "/run/netns/$outside" ]; then
    # By namespace and not by a pid file: a number in an old file may be another program's by now.
    ip netns pids "$outside" | xargs -r kill
    wait_for 'the end of the name server' no_process_outside
    ip netns del "$outside"
  fi
  ip link del "$parent" 2>/dev/null || true
  if [ -e "/sys/class/net/$cable" ]; then ip link del "$cable" 2>/dev/null || true; fi
  wait_for "the end of $cable" test ! -e "/sys/class/net/$cable"
}

no_process_outside() { [ -z "$(ip netns pids "$outside")" ]; }

usage() { die "usage: lab.sh up [SCENARIO...] | down; scenarios: ${scenarios[*]};
  and these only when named: ${named_only[*]}"; }

[ $# -gt 0 ] || usage
[ "$(id -u)" = 0 ] || die 'run it as root'
docker info >/dev/null 2>&1 || die 'no Docker daemon answers (try: docker info)'
case $1 in
  up) shift; up "$@" ;;
  down) [ $# = 1 ] || usage; down ;;
  *) usage ;;
esac
