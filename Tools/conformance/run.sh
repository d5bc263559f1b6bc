#!/usr/bin/env bash
# Runs the node tests of the ONNX standard as Tests/ConformanceTests/Lists have them: writes all cases to .conformance/
# (with the pinned onnx in an environment of its own, unless they are there) and runs the tests, which must be built.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/.conformance
requirements=Tools/conformance/requirements.txt
stamp=$(cat "$requirements" Tools/conformance/write_cases.py | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"
  if ! python3 -m venv "$folder/venv" >/dev/null 2>&1; then
    rm -rf "$folder/venv"
    # Without python3-venv, packages go to a folder; pip is there or is installed with the engine libraries.
    python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" -r "$requirements" ||
      { echo "error: onnx can't be installed" >&2; echo "hint: install python3-venv or python3-pip" >&2; exit 69; }
    PYTHONPATH=$folder/packages python3 Tools/conformance/write_cases.py "$folder/cases"
  else
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    "$folder/venv/bin/python" Tools/conformance/write_cases.py "$folder/cases"
  fi
  printf '%s\n' "$stamp" >"$folder/stamp"
fi
status=0
MARTLET_CONFORMANCE=$folder/cases SWIFT_BACKTRACE=enable=no \
  swift test -c release --skip-build --disable-xctest --filter ConformanceTests || status=$?
for list in Tests/ConformanceTests/Lists/*-passing.txt; do
  backend=$(basename "$list" -passing.txt)
  echo "$backend: $(tail -n 1 "$folder/cases/$backend.tsv" | cut -c3-)"
done
exit $status
