#!/bin/bash
# colcon build of this package into ./install, and .venv told where it is.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/.venv
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH

testing=
if [ -z "${ROS_DISTRO:-}" ]; then
  export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
  PYTHONPATH=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  export PYTHONPATH
  testing=-DBUILD_TESTING=OFF # the wheels' lint hooks want programs that are not there
  # colcon looks for these in every prefix, and its own setup files source them
  for shell in sh bash zsh; do
    echo "# the wheels of ROS 2 need no set-up: $venv/bin/python finds them" > "$venv/local_setup.$shell"
  done
fi

# a file that has gone would leave a dangling link
find install -xtype l -delete 2>/dev/null || true
colcon build --symlink-install --base-paths . --packages-select dejavu_ros \
  --cmake-args -DPython3_FIND_VIRTUALENV=ONLY $testing

prefix=$PWD/install/dejavu_ros
ln -sfn "$prefix/lib/dejavu_ros/dejavu" "$venv/bin/dejavu"
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# a new file: a copy of .venv by hard links must not follow this one
rm -f "$site/dejavu_ros_build.pth"
dirname "$(find "$prefix" -path '*-packages/dejavu_ros')" > "$site/dejavu_ros_build.pth"
# the wheels' start-up hook puts every ros_*.libs folder here on the library path, so nothing needs sourcing
ln -sfn "$prefix/lib" "$site/ros_dejavu_ros.libs"
