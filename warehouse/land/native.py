"""`scan.c` and `lines.c` as a library: compiled when it is first needed, by whatever C compiler there is, and kept beside
the bytecode.

Belongs here: compiling, loading, and what its functions take. Does not belong here: what they are for (scanned.py, ends.py,
arrow.py).

Without a compiler, or where it fails, landing goes on by SQL alone, as it does for all documents that are not spelt alike.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import duckdb

_SOURCES = tuple(Path(__file__).with_name(name) for name in ("scan.c", "lines.c"))
#: No header or part of a C library is needed: a compiler alone is enough.
_FLAGS = ("-O3", "-ffreestanding", "-shared", "-fPIC", *(("-nostdlib",) if sys.platform == "linux" else ()))
_PATIENCE_S = 60
_log = logging.getLogger(__name__)

#: As `enum kind` counts.
STRING, INTEGER, DECIMAL, BOOLEAN, INSTANT, EPOCH, DAY, UNNAMED, END = range(9)


class Plan(ctypes.Structure):
    """`plan` of scan.c."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("literals", "first", "steps", "columns", "words")),
        *((name, ctypes.c_int64) for name in ("stencils", "columns_count", "texts", "room", "rows", "id")),
    )


class Out(ctypes.Structure):
    """`out` of scan.c."""

    _fields_ = tuple(
        (name, ctypes.c_void_p) for name in ("texts", "ends", "numbers", "bits", "met", "odd", "hashes", "keys")
    )


def compiler() -> str | None:
    """A C compiler, None where there is none."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


@cache
def library() -> Future[ctypes.CDLL | None]:
    """The library, which is compiled and loaded beside what the caller does; None where that is not possible."""
    return ThreadPoolExecutor(1, thread_name_prefix="compiling").submit(_library)


def at_hand() -> ctypes.CDLL | None:
    """The library, where somebody has asked for it already and it is there."""
    asked = library.cache_info().currsize
    return library().result() if asked and library().done() else None


def _library() -> ctypes.CDLL | None:
    kept = _kept()
    try:
        if kept.exists() and (found := _intact(kept)):
            return found
        with tempfile.TemporaryDirectory(prefix="nexus-scan-") as folder:
            made = Path(folder) / kept.name
            if not _compiled(made):
                return None
            if not sys.dont_write_bytecode:
                _keep(made, kept)
            return _loaded(made)
    except OSError as error:
        _log.warning("lines of JSON are read by SQL alone: %s", error)
        return None


def _kept() -> Path:
    """Where the library of these sources is kept; others have another name."""
    built = " ".join((*_FLAGS, sysconfig.get_platform())).encode()
    digest = hashlib.sha256(built + b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()[:16]
    return Path(cache_from_source(str(_SOURCES[0].with_suffix(".py")))).with_name(f"scan-{digest}.so")


def _compiled(target: Path) -> bool:
    command = compiler()
    if command is None:
        _log.info("no C compiler: lines of JSON are read by SQL alone")
        return False
    try:
        done = subprocess.run(
            [command, *_FLAGS, "-o", str(target), *map(str, _SOURCES)],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command} took longer than {_PATIENCE_S} seconds") from error
    if done.returncode:
        raise OSError(f"{command} failed: {(done.stderr.strip() or 'no message').splitlines()[0]}")
    return True


def _keep(made: Path, kept: Path) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        coming = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.copyfile(made, coming)
        coming.replace(kept)
    except OSError:
        _log.debug("%s cannot be written: the next process compiles again", kept.parent)


def _intact(path: Path) -> ctypes.CDLL | None:
    """The library, unless what is kept is damaged or of another machine."""
    try:
        return _loaded(path)
    except OSError:
        return None


def _loaded(path: Path) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(path))
    plan, out = ctypes.POINTER(Plan), ctypes.POINTER(Out)
    loaded.scan.argtypes = (plan, out, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_int)
    loaded.scan.restype = ctypes.c_int64
    loaded.lines.argtypes = (
        ctypes.c_char_p,
        ctypes.c_int64,
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_int64),
    )
    loaded.lines.restype = ctypes.c_int64
    loaded.hexadecimal.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    loaded.hexadecimal.restype = None
    loaded.hashed.argtypes = (ctypes.c_char_p, ctypes.c_int64, ctypes.c_int)
    loaded.hashed.restype = ctypes.c_uint64
    return loaded


def agrees(loaded: ctypes.CDLL, engine: duckdb.DuckDBPyConnection) -> bool:
    """Whether the library reckons hashes as `engine` does. Another version of it may not, and then none would be met again."""
    texts = ["x" * length for length in range(40)]
    theirs = engine.execute(
        "select hash(t), hash(t || chr(10)) from (select unnest($1::varchar[]) as t)", [texts]
    ).fetchall()
    return theirs == [tuple(loaded.hashed(t.encode(), len(t), more) for more in (0, 1)) for t in texts]
