#!/bin/sh
# Make the Python environment that `make bench` measures OpenVINO and ONNX Runtime in, unless it is there.
#
# Usage: bench-environment.sh DIR      (needs Python 3.11 with venv, 6 GB, some minutes)
set -eu

if [ $# -ne 1 ]; then
  sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
  exit 64
fi
[ -e "$1/complete" ] && exit 0
"${PYTHON:-python3}" -m venv "$1"
"$1/bin/pip" install \
  torch==2.15.0 torchvision==0.29.2 monai==1.6.1 numpy==2.4.6 einops==0.8.2 onnx==1.23.2 onnxruntime==1.31.1 openvino==2026.4.1
touch "$1/complete"
