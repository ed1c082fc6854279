#!/usr/bin/env bash
# Makes captures of ten million small packets and of three million large ones, checks that bridgetap finds exactly what is
# in them, and measures it side by side with tcpdump, tshark, softflowd and an empty loop on libpcap. Prints tables.
#
#   run.sh [OPTION...]     --rounds 5, --packets 10000000; measure.py has them all
#
# BRIDGETAP_CORPUS=FOLDER measures a third one as well, of the captures in that folder, one among the other.
#
# The captures take 2.5 GiB in BRIDGETAP_BENCH, a folder in which they stay for the next time; unless it is given, in a
# new one that is removed. Takes about twelve minutes on a machine that does nothing else; on another the ratios are
# rough. Installs on Debian what is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

. "$root/setup.sh"
need_packages gcc libc6-dev libpcap-dev time tcpdump tshark softflowd || echo "What is missing is left out." >&2
. "$root/benches/setup.sh"
need_bridgetap
need_folder
python3 "$here/measure.py" "$BRIDGETAP" "$BRIDGETAP_BENCH" ${BRIDGETAP_CORPUS:+--corpus "$BRIDGETAP_CORPUS"} "$@"
