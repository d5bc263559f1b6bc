#!/bin/sh
# Makes sure that the headers of libdeflate and zlib are there, which Sources/CDeflate imports.
set -eu

has_header() {
  for folder in /usr/include /usr/local/include /opt/homebrew/include; do
    [ -e "$folder/$1" ] && return 0
  done
  return 1
}

missing=""
has_header libdeflate.h || missing="$missing libdeflate-dev"
has_header zlib.h || missing="$missing zlib1g-dev"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing$missing"
  # Looking the packages up needs a list that is there.
  # shellcheck disable=SC2086
  apt-get install -y -qq $missing >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq $missing >/dev/null; }
  exit 0
fi
echo "error: these system packages are missing:$missing" >&2
echo "hint: sudo apt-get install$missing    (macOS: brew install libdeflate)" >&2
exit 69
