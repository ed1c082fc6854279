#!/usr/bin/env bash
# Measures what a packet costs as packets, flows and containers become more, and draws docs/images/linearity.svg.
#
#   run.sh [OPTION...]     --rounds 3, --hundred for 100 million packets too; measure.py has them all
#
# The captures take 3.5 GiB in BRIDGETAP_BENCH, a folder in which they stay for the next time (that of
# benches/side-by-side will do); unless it is given, in a new one that is removed. With --hundred, 9.5 GiB more. Takes
# about five minutes on a machine that does nothing else, and --hundred a quarter of an hour more.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

. "$root/setup.sh"
need_packages gcc libc6-dev libpcap-dev time
. "$root/benches/setup.sh"
need_bridgetap
need_folder
python3 "$here/measure.py" "$BRIDGETAP" "$BRIDGETAP_BENCH" "$root/docs/images/linearity.svg" "$@"
