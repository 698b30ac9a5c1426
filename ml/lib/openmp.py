"""LightGBM asks the machine for `libgomp.so.1`, which slim images lack; scikit-learn's wheel brings one.

Belongs here: making sure that library is loaded before LightGBM is. Does not belong here: anything about models.
The wheel's copy bears a hashed name inside; it is copied with the plain name written over it, so that the loader takes
it for what LightGBM asks for. Where the system has the library, nothing is done.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from nexus.errors import MachineError

NAME = b"libgomp.so.1"


@lru_cache(maxsize=1)
def ensure() -> str:
    """Loads the library; says where it came from (`system`, `wheel`, or `not needed` off Linux)."""
    if not sys.platform.startswith("linux"):
        return "not needed"
    try:
        ctypes.CDLL(NAME.decode(), mode=ctypes.RTLD_GLOBAL)
        return "system"
    except OSError:
        with tempfile.TemporaryDirectory(prefix="nexus-openmp-") as scratch:
            # the loader maps the file; it may go once it is loaded
            ctypes.CDLL(str(renamed(carried(), Path(scratch))), mode=ctypes.RTLD_GLOBAL)
        return "wheel"


def carried() -> Path:
    """The copy inside scikit-learn's wheel."""
    spec = importlib.util.find_spec("sklearn")
    folder = Path(spec.origin).parent.parent / "scikit_learn.libs" if spec and spec.origin else None
    found = sorted(folder.glob("libgomp-*.so*")) if folder else []
    if not found:
        raise MachineError(
            "LightGBM needs libgomp.so.1, which this machine lacks", remedy="install the package libgomp1"
        )
    return found[0]


def renamed(library: Path, into: Path) -> Path:
    """A copy of `library` that calls itself `libgomp.so.1`."""
    old = library.name.encode() + b"\0"
    content = library.read_bytes()
    if old not in content or len(old) <= len(NAME):
        raise MachineError(f"{library} does not bear its own name", remedy="install the package libgomp1")
    target = into / NAME.decode()
    target.write_bytes(content.replace(old, NAME.ljust(len(old), b"\0"), 1))
    return target
