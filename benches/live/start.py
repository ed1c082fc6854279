#!/usr/bin/env python3
"""How long bridgetap takes from its start until it watches: without a daemon, and with one of many containers.

usage: start.py BRIDGETAP [CONTAINERS [ROUNDS]]     as root; 200 and 10 unless given

The daemon is none: a program that answers as Docker does, at once, for containers that are network namespaces made for
this, on ten bridges. So the time that a real one takes to answer comes on top (benches/many-containers has that). All is
in namespaces of its own, and removed afterwards.
"""

import http.server
import json
import os
import re
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time

NETWORKS = 10
HERE = f"bt-load-host-{os.getpid()}"
GONE = threading.Event()


def identity(kind, number):
    return f"{kind:x}{number:07x}" * 8


def container_namespace(number):
    return f"bt-load-{os.getpid()}-{number}"


def network(number):
    return {
        "Name": f"many{number}", "Id": identity(1, number), "Created": "2026-01-01T00:00:00Z", "Scope": "local",
        "Driver": "bridge", "EnableIPv6": False, "Internal": False, "Attachable": False, "Ingress": False,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": f"10.201.{number}.0/24", "Gateway": f"10.201.{number}.1"}]},
        "ConfigFrom": {"Network": ""}, "ConfigOnly": False, "Containers": {}, "Labels": {},
        "Options": {"com.docker.network.bridge.name": f"many{number}"},
    }


def endpoint(number):
    on, host = number % NETWORKS, 2 + number // NETWORKS
    return {f"many{on}": {
        "NetworkID": identity(1, on), "EndpointID": identity(2, number), "Gateway": f"10.201.{on}.1",
        "IPAddress": f"10.201.{on}.{host}", "IPPrefixLen": 24, "MacAddress": f"02:42:0a:c9:{on:02x}:{host:02x}",
        "Aliases": [identity(3, number)[:12]], "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
    }}


def listed(number):
    return {"Id": identity(3, number), "Names": [f"/container-{number}"], "Image": "busybox", "ImageID": "", "Created": 0,
            "Command": "sleep", "Ports": [], "Labels": {}, "State": "running", "Status": "Up",
            "HostConfig": {"NetworkMode": f"many{number % NETWORKS}"},
            "NetworkSettings": {"Networks": endpoint(number)}, "Mounts": []}


def inspected(number):
    return {"Id": identity(3, number), "Name": f"/container-{number}", "Created": "2026-01-01T00:00:00Z",
            "State": {"Status": "running", "Running": True, "Pid": 0, "StartedAt": "2026-01-01T00:00:00Z"},
            "Config": {"Hostname": identity(3, number)[:12], "Labels": {}, "Image": "busybox"},
            "HostConfig": {"NetworkMode": f"many{number % NETWORKS}"},
            "NetworkSettings": {"SandboxKey": f"/run/netns/{container_namespace(number)}", "Ports": {},
                                "Networks": endpoint(number)}}


class Daemon(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    containers = 0

    def do_GET(self):
        path = re.sub(r"^/v[\d.]+", "", self.path.split("?")[0])
        number = re.fullmatch(r"/containers/3([0-9a-f]{7}).*/json", path)
        if path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            GONE.wait()
            return
        answers = {
            "/version": lambda: {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24", "Os": "linux"},
            "/_ping": lambda: "OK",
            "/info": lambda: {"ID": "fake", "OperatingSystem": "fake"},
            "/networks": lambda: [network(each) for each in range(NETWORKS)],
            "/containers/json": lambda: [] if "status" in self.path else [listed(n) for n in range(self.containers)],
        }
        answer = (lambda: inspected(int(number[1], 16))) if number else answers.get(path)
        body = json.dumps(answer() if answer else {"message": "no such thing"}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 256


def ip(lines):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def start(program, host, target):
    """Seconds until it watches, until it has ended after Ctrl-C, and its words."""
    environment = {**os.environ, "DOCKER_HOST": host}
    command = ["ip", "netns", "exec", HERE, program, "watch", *target]
    begun = time.monotonic()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    words = ""
    for line in child.stderr:
        words += line
        if "Ctrl-C ends" in line:
            break
    watching = time.monotonic() - begun
    child.send_signal(signal.SIGINT)
    begun = time.monotonic()
    words += child.communicate()[1]
    if child.returncode != 0:
        sys.exit(f"it ended with {child.returncode}:\n{words}")
    return watching, time.monotonic() - begun, words


def main(program, containers=200, rounds=10):
    containers, rounds = int(containers), int(rounds)
    # So that what else the machine does takes no time from the two; what is started inherits it.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    namespaces = [HERE, *(container_namespace(number) for number in range(containers))]
    with tempfile.TemporaryDirectory() as folder:
        try:
            ip([f"netns add {name}" for name in namespaces])
            for name in namespaces[1:]:
                ip_inside = ["ip", "-n", name, "link", "set", "lo", "up"]
                subprocess.run(ip_inside, check=True)
            inside = [command for number in range(NETWORKS) for command in (
                f"link add many{number} type bridge", f"address add 10.201.{number}.1/24 dev many{number}",
                f"link set many{number} up")]
            subprocess.run(["ip", "-n", HERE, "-batch", "-"], input="\n".join(inside), text=True, check=True)
            path = os.path.join(folder, "docker.sock")
            Daemon.containers = containers
            server = Server(path, Daemon)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print("| | until it watches, ms: median (min–max) | until it has ended after Ctrl-C, ms |")
            print("|---|---:|---:|")
            for title, host, target in [
                ("without a daemon, one interface", "unix:///nowhere", ["-i", "many0"]),
                (f"a daemon of {containers} containers, one interface", f"unix://{path}", ["-i", "many0"]),
                (f"a daemon of {containers} containers, one network", f"unix://{path}", ["many0"]),
                (f"a daemon of {containers} containers, everything", f"unix://{path}", []),
            ]:
                runs = [start(program, host, target) for _ in range(rounds)]
                ways = [sorted(run[at] * 1000 for run in runs) for at in (0, 1)]
                spans = [f"{statistics.median(way):.0f} ({way[0]:.0f}–{way[-1]:.0f})" for way in ways]
                print(f"| {title} | {spans[0]} | {spans[1]} |", flush=True)
                print(runs[-1][2], file=sys.stderr)
        finally:
            GONE.set()
            for name in namespaces:
                subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
