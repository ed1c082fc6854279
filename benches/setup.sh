# What measuring takes, for scripts that know the folder of the project as root and have read its setup.sh.

# The program that is measured, BRIDGETAP: the release build, unless it is given.
need_bridgetap() {
  if [ -z "${BRIDGETAP:-}" ]; then
    need_cargo
    cargo build --release --quiet --manifest-path "$root/Cargo.toml"
    BRIDGETAP=${CARGO_TARGET_DIR:-$root/target}/release/bridgetap
  fi
}

# Where captures are, BRIDGETAP_BENCH: a new folder that is removed at the end, unless it is given.
need_folder() {
  if [ -z "${BRIDGETAP_BENCH:-}" ]; then
    BRIDGETAP_BENCH=$(mktemp -d "${TMPDIR:-/tmp}/bridgetap-bench.XXXXXX")
    trap 'rm -rf "$BRIDGETAP_BENCH"' EXIT
    trap 'exit 130' INT TERM
  fi
  mkdir -p "$BRIDGETAP_BENCH"
}
