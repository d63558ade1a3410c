"""Make the CMake targets of the ROS wheels name this virtual environment instead of the machine they were built on.

Run with the environment's own Python, once after pip.
"""

import sys
import sysconfig
from pathlib import Path

digits = f'{sys.version_info.major}{sys.version_info.minor}'
built_on = f'/opt/python/cp{digits}-cp{digits}'
replacements = {f'{built_on}/include/python{sys.version_info.major}.{sys.version_info.minor}':
                sysconfig.get_path('include'),
                built_on: sys.prefix}  # last: it is the start of the other

mended = 0
for path in (Path(sys.prefix) / 'share').rglob('*.cmake'):
    text = new = path.read_text()
    for old, name in replacements.items():
        new = new.replace(old, name)
    if new != text:
        path.write_text(new)
        mended += 1
if not mended and not list((Path(sys.prefix) / 'share').rglob('*.cmake')):
    sys.exit(f'no CMake targets under {sys.prefix}/share: the ROS wheels are not installed')
print(f'{mended} CMake files mended')
