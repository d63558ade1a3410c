"""The offline half (maps, features, training, the town) for `pip install -e .`; a ROS workspace uses CMakeLists.txt."""

import re
from pathlib import Path

from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent
CONTEXTUAL = 'dejavu_ros/ops/contextual'

# loaded with ctypes, so it has nothing of Python in it; without a compiler torch does the same, slower
KERNEL = Extension('dejavu_ros.ops.contextual._fused', [f'{CONTEXTUAL}/fused.cpp'],
                   depends=[f'{CONTEXTUAL}/fused_kernel.h', f'{CONTEXTUAL}/fused_gradients.h'], language='c++',
                   optional=True,
                   extra_compile_args=['-std=c++17', '-O3', '-fno-math-errno', '-ffp-contract=fast', '-Wno-psabi',
                                       '-pthread'],
                   extra_link_args=['-pthread'])

setup(
    name='dejavu_ros',
    version=re.search(r"__version__ = '(.+)'", (HERE / 'dejavu_ros/__init__.py').read_text()).group(1),
    description='Visual relocalization across seasons, weather and hours with Deja-Vu features',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['dejavu_ros', 'dejavu_ros.*']),
    ext_modules=[KERNEL],
    data_files=[(f'share/dejavu_ros/{folder}', [str(path.relative_to(HERE)) for path in (HERE / folder).iterdir()])
                for folder in ('ckpts', 'config')],
    install_requires=[
        'backports-zstd>=1.0; python_version < "3.14"',
        'filelock>=3.4',
        'matplotlib>=3.5',
        'moderngl>=5.8',
        'numpy>=1.26',
        'opencv-python-headless>=4.5',
        'pillow>=9.0',
        'pymap3d>=2.7',
        'pyyaml>=5.4',
        'rosbags>=0.11.9',
        'rosbags-image>=0.10',
        'safetensors>=0.4',
        'scikit-learn>=1.0',
        'scipy>=1.8',
        'tabulate>=0.8.9',
        'tensorboard>=2.10',
        'torch>=2.1',
        'tqdm>=4.57',
    ],
    extras_require={'onnx': ['onnx', 'onnxruntime', 'onnxscript'],  # dejavu export-onnx, docs/deployment.md
                    'test': ['hypothesis', 'pytest>=7', 'pytest-timeout', 'triton; platform_system == "Linux"']},
    entry_points={'console_scripts': ['dejavu = dejavu_ros.cli:entry_point']},
)
