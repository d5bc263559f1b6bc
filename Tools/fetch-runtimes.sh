#!/usr/bin/env bash
# Fetches the engine libraries for this machine into .runtime/, each checked against its pinned SHA-256.
#
#   Tools/fetch-runtimes.sh [openvino] [tensorrt-rtx]      default: all of them
#
# A runtime that is already there in the pinned version is left alone, without touching the network.
# To add a runtime: write a function fetch_<name> (dashes become underscores) and put <name> into `known`.
set -euo pipefail

known=(openvino tensorrt-rtx)
runtimes="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.runtime"

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit "${3:-69}"
}

# A pip that works: the one of python3, or pip on the path.
find_pip() {
  if python3 -m pip --version >/dev/null 2>&1; then
    pip=(python3 -m pip)
  elif command -v pip3 >/dev/null 2>&1 && pip3 --version >/dev/null 2>&1; then
    pip=(pip3)
  else
    return 1
  fi
}

require_pip() {
  find_pip && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing python3-pip, which downloads the wheels" >&2
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip) \
      >/dev/null || fail "python3-pip can't be installed" "install pip for python3 and run this again"
  fi
  find_pip || fail "pip is needed to download the wheels" "install it (apt-get install python3-pip) and run this again"
}

# fetch_wheel <requirement> <sha256> <folder> <pip arguments>...
# Downloads one wheel of the package index that pip is configured for, and verifies it.
fetch_wheel() {
  local requirement=$1 sha256=$2 folder=$3 found
  shift 3
  require_pip
  "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$folder" "$@" \
    "$requirement" >&2 || fail "$requirement can't be downloaded" "check the network and pip's configuration" 69
  wheel=$(find "$folder" -name '*.whl')
  found=$(sha256sum "$wheel" | cut -d' ' -f1)
  [ "$found" = "$sha256" ] ||
    fail "$(basename "$wheel") has the SHA-256 $found, expected $sha256" "the download was damaged or tampered with" 65
}

# is_current <name> <stamp>
is_current() {
  local stamp
  [ -f "$runtimes/$1/stamp" ] && IFS= read -r stamp <"$runtimes/$1/stamp" && [ "$stamp" = "$2" ]
}

# install_folder <new folder> <name> <stamp>: puts a finished folder at .runtime/<name> in one step.
install_folder() {
  printf '%s\n' "$3" >"$1/stamp"
  chmod -R u+rwX,go+rX "$1"
  if [ -e "$runtimes/$2" ]; then mv "$runtimes/$2" "$work/replaced-$2"; fi
  mv "$1" "$runtimes/$2"
}

fetch_openvino() {
  local version=2026.4.1 machine sha256 platform plugin
  machine=$(uname -m)
  case "$(uname -s) $machine" in
    "Linux x86_64")
      sha256=2d22b1da03f7caf74df30e9f6417d0ab2f637e4a38e08e1dcd294d2c37407aaf
      platform=manylinux_2_28_x86_64
      plugin=libopenvino_intel_cpu_plugin.so
      ;;
    "Linux aarch64")
      sha256=bea1eb3733c34ef331adc945da0ccda5937865031139073663be84c517ffda22
      platform=manylinux_2_35_aarch64
      plugin=libopenvino_arm_cpu_plugin.so
      ;;
    *) fail "no OpenVINO $version is pinned for $(uname -s) on $machine" "use Linux on x86_64 or aarch64" ;;
  esac
  # The stamp also tells which of the wheel's files were taken.
  local stamp="$version $sha256 with-ir"
  if is_current openvino "$stamp"; then
    echo "openvino $version is in .runtime/openvino"
    return
  fi
  echo "fetching openvino $version for $machine (Apache-2.0, about 60 MB) into .runtime/openvino"
  # The libraries are the same for every Python; naming one makes every machine fetch the same file.
  fetch_wheel "openvino==$version" "$sha256" "$work" \
    --platform "$platform" --python-version 3.11 --implementation cp --abi cp311
  # What the CPU device and the frontends of ONNX and of compiled blobs (IR) load, and the licences.
  python3 - "$wheel" "$work/openvino" "$plugin" <<'PYTHON'
import os, re, sys, zipfile

wheel, target, plugin = sys.argv[1:]
wanted = [
    r"libopenvino\.so\.\d+", r"libopenvino_c\.so\.\d+", r"libopenvino_onnx_frontend\.so\.\d+",
    r"libopenvino_ir_frontend\.so\.\d+", re.escape(plugin),
    r"libtbb\.so\.\d+", r"libtbbbind_2_5\.so\.\d+", r"libtbbmalloc\.so\.\d+", r"libhwloc\.so\.\d+"]
os.makedirs(os.path.join(target, "licenses"))
found = set()
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.namelist():
        folder, name = os.path.split(entry)
        match = [p for p in wanted if re.fullmatch(p, name)] if folder == "openvino/libs" else []
        found.update(match)
        if match or ("dist-info/licenses" in folder and name):
            with open(os.path.join(target, name if match else os.path.join("licenses", name)), "wb") as out:
                out.write(archive.read(entry))
missing = [p for p in wanted if p not in found]
if missing:
    sys.exit("error: the wheel has no file " + ", ".join(missing))
PYTHON
  install_folder "$work/openvino" openvino "$stamp"
  echo "openvino $version is in .runtime/openvino"
}

# shellcheck source=Tools/runtimes/tensorrt-rtx.sh
. "$(dirname "${BASH_SOURCE[0]}")/runtimes/tensorrt-rtx.sh"

main() {
  local names=("$@") name
  if [ ${#names[@]} -eq 0 ]; then names=("${known[@]}"); fi
  for name in "${names[@]}"; do
    case " ${known[*]} " in
      *" $name "*) ;;
      *) fail "no runtime is called $name" "the runtimes are: ${known[*]}" 64 ;;
    esac
  done
  mkdir -p "$runtimes"
  work=$runtimes/.fetching.$$
  trap 'rm -rf "$work"' EXIT
  for name in "${names[@]}"; do
    mkdir -p "$work"
    "fetch_${name//-/_}"
    rm -rf "$work"
  done
}

main "$@"
