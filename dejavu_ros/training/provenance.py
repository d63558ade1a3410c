"""What a checkpoint's card says of its making: code, time and hardware."""

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

import dejavu_ros
from dejavu_ros.training.processes import Processes

CPU_INFO = Path('/proc/cpuinfo')


def provenance(processes: Processes, seconds: float) -> dict[str, Any]:
    """``seconds`` of training so far, interruptions left out."""
    return {'version': dejavu_ros.__version__, 'commit': commit(), 'hours': round(seconds / 3600, 2),
            'hardware': hardware(processes.device), 'processes': processes.count,
            'threads': torch.get_num_threads(), 'torch': str(torch.__version__), 'python': platform.python_version()}


def commit() -> str:
    """That of the source tree, with a + where files differ from it; empty for an installed package."""
    root = Path(dejavu_ros.__file__).parents[1]
    if not (root / '.git').exists():
        return ''
    try:
        found = subprocess.run(['git', '-C', root, 'describe', '--always', '--abbrev=12', '--exclude=*', '--dirty=+'],
                               capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):  # no git here, or it does not trust the folder's owner
        return ''
    return found.stdout.strip()


def hardware(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return f'{len(names)} x {names[0]}' if names else platform.machine()
