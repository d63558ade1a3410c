"""What a file is by its first bytes, for messages about files that are not what their name says."""

import re

HEAD = 4096  # bytes from the beginning of a file that are enough to tell

# (first bytes, offset, what it is and what to do)
MAGIC = (
    (b'version https://git-lfs', 0, 'a Git LFS pointer, not the file itself: run git lfs pull'),
    (b'version https://hawser', 0, 'a Git LFS pointer, not the file itself: run git lfs pull'),
    (b'PK\x03\x04', 0, 'a zip archive: unzip it first'),
    (b'PK\x05\x06', 0, 'an empty zip archive'),
    (b'\x1f\x8b', 0, 'compressed by gzip: gunzip it (tar xzf, if it is an archive) first'),
    (b'BZh', 0, 'compressed by bzip2: bunzip2 it first'),
    (b'\xfd7zXZ\x00', 0, 'compressed by xz: unxz it first'),
    (b'7z\xbc\xaf\x27\x1c', 0, 'a 7z archive: unpack it first'),
    (b'Rar!', 0, 'a rar archive: unpack it first'),
    (b'\x28\xb5\x2f\xfd', 0, 'compressed by zstd: unzstd it first'),
    (b'\x04\x22\x4d\x18', 0, 'compressed by lz4: unlz4 it first'),
    (b'ustar', 257, 'a tar archive: tar xf it first'),
    (b'\x89MCAP0\r\n', 0, 'an MCAP file'),
    (b'SQLite format 3\x00', 0, 'a SQLite database'),
    (b'#ROSBAG V', 0, 'a ROS 1 bag'),
    (b'ULog', 0, 'a PX4 log (ULog)'),
    (b'\x89HDF', 0, 'an HDF5 file'),
    (b'%PDF', 0, 'a PDF document'),
    (b'\x89PNG', 0, 'a PNG picture'),
    (b'\xff\xd8\xff', 0, 'a JPEG picture'),
    (b'GIF8', 0, 'a GIF picture'),
    (b'II*\x00', 0, 'a TIFF picture'), (b'MM\x00*', 0, 'a TIFF picture'),
    (b'WEBP', 8, 'a WebP picture'),
    (b'AVI ', 8, 'a video (AVI)'),
    (b'ftypheic', 4, 'a HEIC picture: convert it to JPEG first'),
    (b'ftypavif', 4, 'an AVIF picture: convert it to JPEG first'),
    (b'ftyp', 4, 'a video (MP4)'),
    (b'\x1aE\xdf\xa3', 0, 'a video (Matroska or WebM)'),
    (b'OggS', 0, 'a video or sound (Ogg)'),
    (b'\x7fELF', 0, 'a program (ELF)'),
)


def kind_of(head: bytes) -> str:
    """What a file that begins with ``head`` (HEAD bytes, or all if it is shorter) is, in words with what to do."""
    head = bytes(head)
    if not head:
        return 'empty (0 bytes)'
    for magic, offset, words in MAGIC:
        if head[offset:offset + len(magic)] == magic:
            return words
    if not head.strip(b'\x00'):
        return 'nothing but zeros: its data never reached the disk'
    text = _text(head)
    if re.match(r'\s*<(!doctype\s+html|html)', text, re.IGNORECASE):
        return 'a web page, perhaps one that asks to sign in or to confirm the download: download it again'
    if text.lstrip().startswith('<?xml'):
        return f'XML text, perhaps the error of a download: it begins with {_shown(text)}'
    if re.search(r'(^|/)\.?(git/)?annex/objects/', text):
        return 'a git-annex pointer, not the file itself: run git annex get'
    if text.lstrip().startswith(('{', '[')):
        return f'JSON text: it begins with {_shown(text)}'
    if text:
        return f'a text file: it begins with {_shown(text)}'
    return f'of an unknown kind: it begins with {head[:8]!r}'


def _text(head: bytes) -> str:
    """The head as text; empty where it is none."""
    try:
        # the last character may be cut
        text = head.decode('utf-8-sig', 'strict' if len(head) < HEAD else 'ignore')
    except UnicodeDecodeError:
        return ''
    controls = sum(not character.isprintable() and not character.isspace() for character in text)
    return text if not controls and len(text) > len(head) // 2 else ''


def _shown(text: str) -> str:
    return repr(' '.join(text.split())[:40])
