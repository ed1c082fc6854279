#!/usr/bin/env bash
# Runs every test that this machine can run, and ends by naming those that it cannot and what makes them possible.
#   ./test.sh            what is possible
#   ./test.sh --demand   what is not possible is a failure
set -euo pipefail
cd "$(dirname "$0")"
. ./setup.sh
[ "${1:-}" != --demand ] || export BRIDGETAP_DEMAND=1
need_cargo
need_packages gcc libc6-dev libpcap-dev

left_out=()
leave_out() { left_out+=("$1"); }

need_packages tshark || leave_out "the comparison with tshark: apt-get install tshark, then ./test.sh"
[ -n "${BRIDGETAP_CORPUS:-}" ] ||
  leave_out "the corpus of other tools' captures: BRIDGETAP_CORPUS=FOLDER ./test.sh"

# Some tests look at the clock of a machine that does other things as well. What fails of them is run once more: a defect
# fails again, and what passes then is named at the end.
unsteady=()

# once_more LOG CARGO-OPTION... -- TEST-OPTION...: the tests that the log says have failed.
once_more() {
  local log=$1
  shift
  mapfile -t failed < <(sed -n '/^failures:$/,/^test result/s/^    \([a-z0-9_:]*\)$/\1/p' "$log" | sort -u)
  [ ${#failed[@]} -gt 0 ] || exit 1
  printf '\nOnce more: %s\n' "${failed[*]}"
  cargo test --no-fail-fast "$@" --exact "${failed[@]}"
  unsteady+=("${failed[@]}")
}

# live_tests CARGO-OPTION... -- FILTER...
live_tests() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  options+=(-- --ignored --test-threads 1)
  if ! cargo test --no-fail-fast "${options[@]}" "$@" 2>&1 | tee "$output"; then
    once_more "$output" "${options[@]}"
  fi
}

# Live tests that wait most of their time. They run beside the tests that need nothing but a processor, which leave it to
# them; what is not named here has the machine for itself.
waiting=(changes:: daemon:: drivers:: ends:: engine:: failures:: faults:: filters:: front:: host:: lookups:: names::
  networks:: overlay:: published:: recording:: screen:: security:: targets:: watching:: web::)

is_up='' pid='' output=$(mktemp) beside=$(mktemp)
clean_up() {
  # Cargo does not take its test with it.
  [ -z "$pid" ] || kill "$pid" $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) 2>/dev/null || true
  rm -f "$output" "$beside"
  [ -z "$is_up" ] || tests/lab/lab.sh down
}
trap clean_up EXIT

if [ "$(id -u)" != 0 ]; then
  cargo test
  leave_out "live captures and the Docker lab, which take root: sudo -E env PATH=\"\$PATH\" ./test.sh"
elif ! docker info >/dev/null 2>&1; then
  cargo test
  leave_out "the Docker lab, which takes a Docker Engine: apt-get install docker.io, then ./test.sh"
  need_packages iproute2
  live_tests --test live_tap --test live_probe --test live_faults --test live_losses --
else
  need_packages iproute2 libcap2-bin tcpdump curl openssl util-linux
  cargo test --no-run
  tests/lab/images.sh
  nice -n 19 cargo test --no-fail-fast >"$beside" 2>&1 &
  pid=$! is_up=1
  live_tests --test live -- "${waiting[@]}"
  echo
  echo "What ran beside these:"
  status=0
  wait "$pid" || status=$?
  pid=''
  cat "$beside"
  [ "$status" = 0 ] || once_more "$beside" --
  skipped=()
  for name in "${waiting[@]}"; do skipped+=(--skip "$name"); done
  live_tests --tests -- "${skipped[@]}"
fi

if [ ${#unsteady[@]} -gt 0 ]; then
  echo
  echo "Passed only when run again:"
  printf '  %s\n' "${unsteady[@]}"
fi
if [ ${#left_out[@]} -gt 0 ]; then
  echo
  echo "Not run:"
  printf '  %s\n' "${left_out[@]}"
  [ -z "${BRIDGETAP_DEMAND:-}" ] || exit 1
else
  echo "Every test ran."
fi
