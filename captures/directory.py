#!/usr/bin/env python3
"""Prints the lab's Directory, as JSON: who has which address on which network from a moment on.

Usage: directory.py AT HOST_ADDRESS...

AT is that moment in nanoseconds since the epoch; HOST_ADDRESS are addresses of this host (the networks' gateways are
added). Only running containers and networks with the label bridgetap.lab=1 go in, and the default network `bridge`:
what else runs on this machine is nobody's business.
"""

import json
import subprocess
import sys
from datetime import datetime, timezone

LABEL = "label=bridgetap.lab=1"


def docker(*arguments):
    """The standard output of a docker command."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def inspect(kind, ids):
    """The daemon's objects of that kind, sorted by name."""
    objects = json.loads(docker(kind, "inspect", *ids)) if ids else []
    return sorted(objects, key=lambda each: each["Name"])


def rfc3339(nanoseconds):
    """Nanoseconds since the epoch as RFC 3339 in UTC, with all nine digits."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


def own_addresses(interface):
    """This host's addresses on one of its interfaces, without the link-local ones."""
    output = subprocess.run(["ip", "-j", "addr", "show", "dev", interface, "scope", "global"],
                            check=True, capture_output=True, text=True).stdout
    # ip leaves an empty object for each address of another scope.
    return [info["local"] for link in json.loads(output) for info in link.get("addr_info", []) if "local" in info]


def network(raw):
    """One network, from what `docker network inspect` says."""
    default = raw["Options"].get("com.docker.network.bridge.default_bridge") == "true"
    interface = None
    if raw["Driver"] == "bridge":
        interface = raw["Options"].get("com.docker.network.bridge.name", "br-" + raw["Id"][:12])
    pools = raw["IPAM"]["Config"] or []
    gateways = [pool["Gateway"] for pool in pools if pool.get("Gateway")]
    return {
        "id": raw["Id"],
        "name": raw["Name"],
        "driver": raw["Driver"],
        "interface": interface,
        "subnets": [pool["Subnet"] for pool in pools],
        # The daemon does not always name the default bridge's gateway (20.10 did not): the bridge has its address.
        "gateways": gateways or (own_addresses(interface) if interface else []),
        # Docker's name service answers at 127.0.0.11 on every network but the default bridge.
        "name_service": not default,
        "internal": raw["Internal"],
        "scope": raw["Scope"],
        "options": raw["Options"],
    }


def endpoint(raw):
    """A container's place on one network."""
    return {
        "network": raw["NetworkID"],
        "addresses": [address for address in (raw["IPAddress"], raw["GlobalIPv6Address"]) if address],
        "mac": raw["MacAddress"] or None,
        "aliases": raw["Aliases"] or [],
    }


def published(ports):
    """The published ports, from `NetworkSettings.Ports` (`"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}]`)."""
    bindings = []
    for key, hosts in sorted(ports.items()):
        port, protocol = key.split("/")
        for host in hosts or []:
            bindings.append({"host_address": host["HostIp"], "host_port": int(host["HostPort"]),
                             "container_port": int(port), "protocol": protocol})
    return bindings


def container(raw):
    """One container, from what `docker container inspect` says."""
    labels = raw["Config"]["Labels"]
    settings = raw["NetworkSettings"]
    return {
        "id": raw["Id"],
        "name": raw["Name"].removeprefix("/"),
        "image": raw["Config"]["Image"],
        "project": labels.get("com.docker.compose.project"),
        "service": labels.get("com.docker.compose.service"),
        "endpoints": [endpoint(each) for _, each in sorted(settings["Networks"].items())],
        "published": published(settings["Ports"]),
    }


def snapshot(at, host_addresses):
    """The complete state from `at` (nanoseconds since the epoch) on."""
    networks = [network(raw) for raw in
                inspect("network", ["bridge", *docker("network", "ls", "-q", "--filter", LABEL).split()])]
    containers = [container(raw) for raw in inspect("container", docker("ps", "-q", "--filter", LABEL).split())]
    # The gateway of a bridge is this host itself.
    gateways = [gateway for each in networks if each["interface"] for gateway in each["gateways"]]
    return {"bridgetap_directory": 1, "at": rfc3339(at), "host_addresses": [*host_addresses, *gateways],
            "networks": networks, "containers": containers}


if __name__ == "__main__":
    json.dump(snapshot(int(sys.argv[1]), sys.argv[2:]), sys.stdout, separators=(",", ":"))
