#!/bin/sh
# Make the Python environment that the comparison with MONAI runs in.
#
# Usage: make-environment.sh DIR      (DIR outside the repository; needs Python 3.11 with venv, 6 GB, some minutes)
# Then:  DIR/bin/python Tools/compare/compare_bundle.py …
set -eu

if [ $# -ne 1 ]; then
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 64
fi
repository=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
case "$folder/" in
"$repository"/*)
  rmdir "$folder" 2>/dev/null || true # only when it was made just now, or empty
  echo "error: $folder lies in the repository; choose a folder outside it" >&2
  exit 64
  ;;
esac
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install \
  torch==2.15.0 monai==1.6.1 pytorch-ignite==0.5.5 fire==0.7.1 \
  numpy==2.4.6 nibabel==5.4.2 einops==0.8.2 scipy==1.17.1 scikit-image==0.26.0 openvino==2026.4.1
"$folder/bin/python" -c 'import monai, torch; print("monai", monai.__version__, "torch", torch.__version__)'
