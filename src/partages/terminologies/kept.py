"""Arrays kept in a file between two runs: written whole or not at all, checked when read.

The file is the SHA-256 of what follows, then an uncompressed NumPy archive. Whatever is wrong with it
(absent, cut short, altered, unreadable), it is as if it were not there: it can always be built again.
"""

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DIGEST = hashlib.sha256().digest_size  # bytes


def read(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """The arrays kept in a file, or None when there is no such file or it is not whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(memoryview(content)[_DIGEST:]).digest() != content[:_DIGEST]:
        return None
    try:
        with np.load(io.BytesIO(memoryview(content)[_DIGEST:]), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def write(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> bool:
    """Keep arrays in a file, in one step. Returns whether it could: a read-only folder is no error."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    content = buffer.getbuffer()
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(hashlib.sha256(content).digest())
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        return False
    return True
