#!/usr/bin/env bash
# A real swarm of two nodes on one machine: this machine's Docker Engine, and a second one in the namespace that plays
# another machine (lab.sh). Between them an overlay network is VXLAN on UDP 4789 between 10.88.0.1 and 10.88.0.2, which
# is seen on the cable bridgetap-lab.
#
#   swarm.sh up [PORT]  after `lab.sh up`: begins with a `down`; returns when a container reaches the other node's;
#                       PORT is where the nodes carry overlay networks instead of 4789
#   swarm.sh down       removes every trace, after a half-finished `up` too; `lab.sh down` does it as well
#
# On the network my_overlay: ov_a on this machine, ov_remote with a web server on the other. A command for the other
# node's engine: docker -H unix:///var/lib/bridgetap-lab-node2/docker.sock
set -euo pipefail

readonly label=bridgetap.lab=1 busybox=bridgetap-lab-busybox network=my_overlay gateway_bridge=docker_gwbridge
readonly outside=bridgetap-outside host_address=10.88.0.1 outside_address=10.88.0.2
# The port on which the nodes tell each other who is where (moby, libnetwork/networkdb).
readonly gossip=7946
# The second engine's files. On a disk, because a layer of images does not go onto every other file system.
readonly node2=/var/lib/bridgetap-lab-node2
# How long something may take to come, in seconds.
readonly patience=30
# Set where the second engine had ended without leaving the swarm.
was_killed=

die() { echo "swarm.sh: $*" >&2; exit 1; }

# wait_for WHAT COMMAND...: until COMMAND succeeds.
wait_for() {
  local what=$1 deadline=$((SECONDS + patience))
  shift
  while [ "$SECONDS" -lt "$deadline" ]; do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  die "$what did not come in $patience s; it said: $("$@" 2>&1 | tail -n 3)"
}

remote() { docker -H "unix://$node2/docker.sock" "$@"; }

# The address by which this machine is in a swarm; empty where it is in none.
swarm_address() { docker info -f '{{if ne .Swarm.LocalNodeState "inactive"}}{{.Swarm.NodeAddr}}{{end}}'; }

# The lab's address is on the lab's cable and nowhere else: who is in a swarm by it is in the lab's.
refuse_strangers() {
  local state
  state=$(docker info -f '{{.Swarm.LocalNodeState}}')
  [ "$state" = inactive ] || [ "$(swarm_address)" = "$host_address" ] ||
    die "this Docker Engine is in a swarm already ($state): leave it first (docker swarm leave), or use another machine"
  [ "$state" != inactive ] || [ -z "$(ss -Hltn "sport = :$gossip and src $host_address")" ] ||
    die "this Docker Engine is in no swarm, but still listens for its last one on port $gossip: restart it"
  docker network inspect "$gateway_bridge" >/dev/null 2>&1 || return 0
  [ "$(docker network inspect -f '{{index .Labels "bridgetap.lab"}}' "$gateway_bridge")" = 1 ] ||
    die "there is a network '$gateway_bridge' that is not the lab's, left by another swarm: docker network rm $gateway_bridge"
}

# The second engine, with mounts of its own: its sandboxes and its containerd must not be this machine's.
# By nsenter and not by `ip netns exec`, which hides /sys/fs/cgroup behind a /sys of its own.
start_engine() {
  mkdir -p "$node2/cgroup"
  # This machine's /etc/docker/daemon.json is not for it.
  echo '{}' >"$node2/daemon.json"
  # shellcheck disable=SC2016 # $1 is the shell's inside
  setsid nsenter --net="/run/netns/$outside" unshare --mount --propagation private sh -c '
    set -e
    mount --rbind /sys/fs/cgroup "$1/cgroup"
    mount -t sysfs sysfs /sys
    mount --rbind "$1/cgroup" /sys/fs/cgroup
    for folder in docker netns containerd; do
      mkdir -p "/run/$folder"
      mount -t tmpfs tmpfs "/run/$folder"
      mount --make-shared "/run/$folder"
    done
    exec dockerd --config-file "$1/daemon.json" --storage-driver vfs --data-root "$1/data" --exec-root /run/docker \
      --host "unix://$1/docker.sock" --pidfile "$1/pid" --bridge none' sh "$node2" </dev/null >"$node2/log" 2>&1 &
  wait_for "the second engine (its log is $node2/log)" remote info
  docker save "$busybox" | remote load >/dev/null
}

# start_swarm PORT
start_swarm() {
  # Made before the swarm would make it, so that it has the label, and lab.sh removes it.
  docker network create --label "$label" -o com.docker.network.bridge.name="$gateway_bridge" \
    -o com.docker.network.bridge.enable_icc=false "$gateway_bridge" >/dev/null
  docker swarm init --advertise-addr "$host_address" --listen-addr "$host_address" --data-path-port "$1" >/dev/null
  remote swarm join --token "$(docker swarm join-token -q worker)" --advertise-addr "$outside_address" \
    --listen-addr "$outside_address" "$host_address" >/dev/null
}

up() {
  [ -e "/run/netns/$outside" ] || die 'there is no other machine to be the second node: run lab.sh up first'
  refuse_strangers
  down
  start_engine
  start_swarm "${1:-4789}"
  docker network create --label "$label" -d overlay --attachable "$network" >/dev/null
  docker run -dit --pull=never --label "$label" --name ov_a --network "$network" "$busybox" sh >/dev/null
  remote run -d --pull=never --label "$label" --name ov_remote --network "$network" "$busybox" \
    sh -c 'mkdir -p /www; echo Hello from the other node >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
  wait_for 'a ping to the other node' docker exec ov_a ping -c 1 -W 1 ov_remote
}

# is_engine PID: whether that is the engine itself, and neither a container nor the lab's name server.
is_engine() {
  case $(cat "/proc/$1/comm" 2>/dev/null) in dockerd | containerd*) ;; *) return 1 ;; esac
}

# The processes of the second engine, by its network namespace. Its containers have namespaces of their own.
engine_pids() {
  local pid
  [ -e "/run/netns/$outside" ] || return 0
  for pid in $(ip netns pids "$outside"); do if is_engine "$pid"; then echo "$pid"; fi; done
}

# The first processes of its containers: the engine's shims are their parents.
container_pids() {
  local pid child
  for pid in $(engine_pids); do
    for child in $(cat "/proc/$pid/task/"*/children 2>/dev/null); do
      is_engine "$child" || echo "$child"
    done
  done
}

other_node_is_down() { [ "$(docker node ls --format '{{.Status}}' | grep -c Ready)" -le 1 ]; }

no_engine() { [ -z "$(engine_pids)" ]; }

stop_engine() {
  if remote info >/dev/null 2>&1; then
    remote ps -aq | xargs -r docker -H "unix://$node2/docker.sock" rm -f -v >/dev/null
    remote swarm leave --force >/dev/null 2>&1 || true
  else
    # It did not end as it should, and nobody else would end its containers.
    container_pids | xargs -r kill -KILL
    was_killed=1
  fi
  engine_pids | xargs -r kill
  wait_for 'the end of the second engine' no_engine
  rm -rf --one-file-system "$node2"
}

down() {
  [ ! -e "$node2" ] || stop_engine
  docker ps -aq --filter "label=$label" --filter "network=$network" | xargs -r docker rm -f -v >/dev/null
  if [ "$(swarm_address)" = "$host_address" ]; then
    # Who leaves while others are thought to be there, and cannot tell them, listens for ever (moby, networkdb.Close).
    [ -z "$was_killed" ] || wait_for 'the end of the other node' other_node_is_down
    docker swarm leave --force >/dev/null
  fi
  docker network ls -q --filter "label=$label" --filter "name=^$gateway_bridge\$" | xargs -r docker network rm >/dev/null
}

[ "$(id -u)" = 0 ] || die 'run it as root'
docker info >/dev/null 2>&1 || die 'no Docker daemon answers (try: docker info)'
case ${1:-} in
  up) shift; up "$@" ;;
  down) down ;;
  *) die 'usage: swarm.sh up [PORT] | down' ;;
esac
