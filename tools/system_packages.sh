#!/bin/sh
# Prints the Debian/Ubuntu packages that are missing here, on one line; nothing where all is there.
# What can be tried is tried, so that a machine with NVIDIA's libraries or another compiler passes too.
python=${1:-python3}

missing=
need() { # PACKAGE COMMAND...: the package is needed where the command fails
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
library() { "$python" -c "import ctypes; ctypes.CDLL('$1')"; }
present() { ls "$@" 2>/dev/null | grep -q .; }

need make command -v make
need cmake command -v cmake
need g++ command -v c++
[ -z "${ROS_DISTRO:-}" ] || need python3-colcon-common-extensions command -v colcon
if "$python" --version >/dev/null 2>&1; then
  need python3-venv "$python" -c 'import ensurepip, venv'
  need python3-dev "$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")'
  need libegl1 library libEGL.so.1
  need libgl1 library libGL.so.1
else
  missing="$missing python3 python3-venv python3-dev libegl1 libgl1"
fi
# an EGL driver: Mesa's, or that of a GPU's vendor
need libegl-mesa0 present /usr/share/glvnd/egl_vendor.d /etc/glvnd/egl_vendor.d
if present /usr/share/glvnd/egl_vendor.d/50_mesa.json; then
  need libgl1-mesa-dri present /usr/lib/*/dri/swrast_dri.so /usr/lib/*/libgallium*.so*
else
  present /etc/glvnd/egl_vendor.d /usr/share/glvnd/egl_vendor.d || missing="$missing libgl1-mesa-dri"
fi
echo "${missing# }"
