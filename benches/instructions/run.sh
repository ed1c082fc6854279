#!/usr/bin/env bash
# Counts the instructions of the release build for each form of the log, with callgrind, and fails where one takes an
# eighth more than benches/instructions/counts.json says. Unlike times, the counts do not depend on what else runs.
#
#   run.sh            compares
#   run.sh --bless    writes what it counts
#
# Takes half a minute after the build. Installs valgrind on Debian.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

. "$root/setup.sh"
need_packages gcc libc6-dev libpcap-dev valgrind
. "$root/benches/setup.sh"
need_bridgetap
python3 "$here/count.py" "$BRIDGETAP" "$here/counts.json" "$@"
