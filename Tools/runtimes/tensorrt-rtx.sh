# TensorRT for RTX: the two libraries that build engines without a GPU.
#
# Sourced by Tools/fetch-runtimes.sh, whose functions and variables it uses: $work, $wheel, fetch_wheel, is_current,
# install_folder, fail. MARTLET_TENSORRT_RTX_WHEEL names a wheel that was downloaded before.

fetch_tensorrt_rtx() {
  local version=1.7.1 requirement=onnxruntime-ep-nv-tensorrt-rtx-cu12==0.5.0
  local sha256=d71fcbaf4adc627d82fffa6bbac9300a4bfc58fbfa604929b601d22211083d47
  local licence=https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/reference/sla.html
  if [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
    echo "tensorrt-rtx: NVIDIA offers it for Linux on x86_64 only; left out" >&2
    return
  fi
  if is_current tensorrt-rtx "$version $sha256"; then
    echo "tensorrt-rtx $version is in .runtime/tensorrt-rtx"
    return
  fi
  echo "fetching tensorrt-rtx $version (about 170 MB) into .runtime/tensorrt-rtx"
  echo "NVIDIA's licence applies to it: $licence"
  if [ -n "${MARTLET_TENSORRT_RTX_WHEEL:-}" ]; then
    wheel=$MARTLET_TENSORRT_RTX_WHEEL
    printf '%s  %s\n' "$sha256" "$wheel" | sha256sum --check --status ||
      fail "$wheel isn't the wheel of $requirement" "unset MARTLET_TENSORRT_RTX_WHEEL to download it" 65
  else
    fetch_wheel "$requirement" "$sha256" "$work" --platform manylinux_2_28_x86_64
  fi
  python3 - "$wheel" "$work/tensorrt-rtx" <<'PYTHON'
import os, shutil, sys, zipfile

wheel, target = sys.argv[1:]
wanted = ["libtensorrt_rtx.so.1.7.1", "libtensorrt_onnxparser_rtx.so.1.7.1", "README.txt", "Acknowledgements.txt"]
os.makedirs(target)
with zipfile.ZipFile(wheel) as archive:
    for name in wanted:
        with archive.open(f"onnxruntime_ep_nv_tensorrt_rtx/{name}") as source:
            with open(os.path.join(target, name), "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
PYTHON
  install_folder "$work/tensorrt-rtx" tensorrt-rtx "$version $sha256"
  echo "tensorrt-rtx $version is in .runtime/tensorrt-rtx"
}
