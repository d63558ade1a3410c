"""Which transport of Fast DDS brings messages into this process, and how much it can hold. Imports no ROS."""

import dataclasses
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from xml.etree import ElementTree

UDP_PROFILE = 'fastdds_udp.xml'
PROFILES = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'  # before Fast DDS 3, and from then on
LOCAL_PROFILES = 'DEFAULT_FASTRTPS_PROFILES.xml', 'DEFAULT_FASTDDS_PROFILES.xml'  # read from the current folder
TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
FAST_DDS = '', 'rmw_fastrtps_cpp', 'rmw_fastrtps_dynamic_cpp'
LARGE = 1_000_000  # net.core.rmem_max, in bytes, from which UDP brings larger images than 512 KiB of shared memory
LIMITS = Path('/proc/sys/net/core')


@dataclasses.dataclass(frozen=True)
class Transport:
    """``fast_dds`` false: it is another middleware, and the rest means nothing."""

    fast_dds: bool
    shared_memory: bool  # from publishers on this machine; otherwise they too send by UDP
    buffer: int  # bytes that a UDP socket of this process may hold; 0: not known
    limit: int  # bytes that a process may ask the kernel for, net.core.rmem_max; 0: not known


def receive_large_images(environment: MutableMapping[str, str], folder: Path, limits: Path = LIMITS) -> bool:
    """Have Fast DDS receive by UDP with large socket buffers; to be called before ROS starts. True where it will.

    Does nothing where ``environment`` or a profile in the current ``folder`` already says how messages come, where
    the middleware is another one, and where the kernel allows small buffers only.
    """
    chosen = any(environment.get(name) for name in (*PROFILES, TRANSPORTS))
    chosen |= any((folder / name).exists() for name in LOCAL_PROFILES)
    profile = profile_path(UDP_PROFILE)
    if chosen or profile is None or number_in(limits / 'rmem_max') < LARGE or not is_fast_dds(environment):
        return False
    environment.update(dict.fromkeys(PROFILES, str(profile)))
    return True


def transport(environment: Mapping[str, str], limits: Path = LIMITS) -> Transport:
    """By the environment and the limits of the kernel. A profile that cannot be read counts as none."""
    limit, default = number_in(limits / 'rmem_max'), number_in(limits / 'rmem_default')
    profile = next((environment[name] for name in PROFILES if environment.get(name)), '')
    shared, asked = read_profile(Path(profile.removeprefix('file://'))) if profile else (True, 0)
    shared &= not environment.get(TRANSPORTS, '').startswith('UDP')
    # Linux grants twice what is asked for, for what it must remember of each packet
    return Transport(is_fast_dds(environment), shared, 2 * min(asked, limit) if asked else default, limit)


def is_fast_dds(environment: Mapping[str, str]) -> bool:
    return environment.get('RMW_IMPLEMENTATION', '') in FAST_DDS


def read_profile(path: Path) -> tuple[bool, int]:
    """Whether participants have shared memory, and how many bytes they ask for as buffer of a socket (0: nothing)."""
    try:
        elements = [(element.tag.rpartition('}')[2], (element.text or '').strip())
                    for element in ElementTree.parse(path).iter()]
    except (OSError, ElementTree.ParseError):
        return True, 0
    sizes = [int(text) for tag, text in elements
             if tag in ('receiveBufferSize', 'listenSocketBufferSize') and text.isdigit()]
    return ('type', 'SHM') in elements or ('useBuiltinTransports', 'false') not in elements, max(sizes, default=0)


def profile_path(name: str) -> Path | None:
    """A file of config/, in the source tree or in the installed package's share folder."""
    candidates = [Path(__file__).resolve().parents[2] / 'config' / name]
    candidates += [prefix / 'share' / 'dejavu_ros' / 'config' / name for prefix in Path(__file__).parents]
    return next((path for path in candidates if path.is_file()), None)


def number_in(path: Path) -> int:
    """0 where there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
