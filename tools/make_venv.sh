#!/bin/bash
# Makes .venv: make_venv.sh PYTHON. With ROS 2 sourced it sees the system's packages and gets only what they lack;
# otherwise it gets everything, ROS 2 Jazzy from wheels included.
set -euo pipefail
python=$1
cd "$(dirname "$0")/.."

missing=$(tools/system_packages.sh "$python")
if [ -n "$missing" ]; then
  echo "Some system packages are missing. Install them, then run make again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y $missing" >&2
  exit 1
fi

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ -n "${ROS_DISTRO:-}" ]; then
  echo "Making .venv on top of ROS 2 $ROS_DISTRO and Python $version"
  "$python" -m venv --clear --system-site-packages .venv
  .venv/bin/python tools/missing_requirements.py requirements/ros.txt > .venv/missing.txt
  sed '/^--$/,$d' .venv/missing.txt > .venv/requirements.txt
  sed '1,/^--$/d' .venv/missing.txt > .venv/pins.txt
  if [ -s .venv/requirements.txt ]; then
    .venv/bin/pip install --disable-pip-version-check -q -c .venv/pins.txt -r .venv/requirements.txt
  fi
else
  case $version in
    3.11 | 3.12) ;;
    *)
      echo "Without ROS 2, Python 3.11 or 3.12 is needed, and $python is $version: make PYTHON=python3.12" >&2
      exit 1
      ;;
  esac
  echo "Making .venv with Python $version; the first time takes some minutes and about 2 GB"
  "$python" -m venv --clear .venv
  .venv/bin/pip install --disable-pip-version-check -q -r requirements/standalone.txt
  .venv/bin/python tools/mend_cmake_targets.py
fi
