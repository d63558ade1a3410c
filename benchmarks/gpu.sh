#!/bin/bash
# Everything that needs an NVIDIA GPU: its tests, then the figures of docs/performance.md. Each part runs on its own.
#
#     benchmarks/gpu.sh [FOLDER]        prints all, and keeps logs and JSON files in FOLDER (default: gpu)
#
# PYTHON names an interpreter with PyTorch for CUDA, Triton and what requirements/standalone.txt lists (not rosbags,
# pymap3d, moderngl). About six minutes. DEVICE=cpu tries the script itself, with figures that mean nothing.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
folder=${1:-gpu} python=${PYTHON:-python3} device=${DEVICE:-cuda} failed=0
mkdir -p "$folder" || exit 1
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1
summary=()

part() { # name, seconds at most, command
  local name=$1 limit=$2 began=$SECONDS code
  shift 2
  printf '\n=== %s: %s\n' "$name" "$*"
  timeout -k 10 "$limit" "$@" 2>&1 | tee "$folder/$name.txt"
  code=${PIPESTATUS[0]}
  [ "$code" = 0 ] || failed=1
  summary+=("$(printf '%-12s %4d s   %s' "$name" $((SECONDS - began)) "$([ "$code" = 0 ] && echo done || echo "exit $code")")")
}

search=() sizes=() # the whole, unless the script itself is tried
[ "$device" = cpu ] && search=(--keyframes 300 --limit-mb 1 --repeats 1) sizes=(--sizes --repeats 1)

part machine 60 "$python" -c 'import torch; print(torch.__version__, torch.version.cuda, torch.cuda.get_device_name())'
part kernel 90 "$python" setup.py -q build_ext --inplace
part tests 150 "$python" -m pytest -q test/ops/test_triton_kernel.py test/nn/test_recorded.py \
  test/localization/test_exact_search.py -k 'gpu or cuda or recorded or recording'
part contextual 240 "$python" benchmarks/contextual_similarity.py --only gpu --cells 192 1024 --keyframes 10000 \
  --json "$folder/contextual.json"
part search 120 "$python" benchmarks/device_search.py --device "$device" "${search[@]}" --json "$folder/search.json"
part features 120 "$python" benchmarks/features.py --device "$device" "${sizes[@]}" --json "$folder/features.json"
for precision in float32 float16; do
  part "pipeline-$precision" 90 "$python" -m dejavu_ros.cli bench --sections pipeline --device "$device" \
    --precision "$precision" --no-dds --seconds 4 --json "$folder/pipeline-$precision.json"
done
part loss 60 "$python" benchmarks/contextual_loss.py --device "$device" --json "$folder/loss.json"
part compile 180 "$python" benchmarks/features.py --device "$device" --sizes --compile --json "$folder/compile.json"

printf '\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
