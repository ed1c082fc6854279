#!/usr/bin/env bash
# Installs the system packages that building bridgetap takes, where they are missing; further packages can be named.
# Sourced by run.sh and test.sh.
#   need_packages PACKAGE...   installs those that are not installed; false where that cannot be done

need_packages() {
  local missing=() package sudo=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "As root: apt-get install ${missing[*]}" >&2; return 1; }
    sudo=(sudo)
  fi
  echo "Installing ${missing[*]}" >&2
  local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
  { "${sudo[@]}" "${quiet[@]}" update && "${sudo[@]}" "${quiet[@]}" install --no-install-recommends "${missing[@]}"; } \
    </dev/null >/dev/null || { echo "As root: apt-get install ${missing[*]}" >&2; return 1; }
}

need_cargo() {
  command -v cargo >/dev/null || { echo "cargo is missing: https://rustup.rs installs it" >&2; return 1; }
}
