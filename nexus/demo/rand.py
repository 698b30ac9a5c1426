"""Seeded randomness: independent named streams, identifiers, addresses.

Belongs here: everything that turns a generator into ids and numbers, without knowing what they are used for.
Does not belong here: distributions of the business (nexus/demo/world).

A stream is derived from seed and name, so that adding draws in one part of the world leaves the others unchanged.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
UPPER36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PAYPAL_ID = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
HEX = "0123456789abcdef"
HEX_UPPER = "0123456789ABCDEF"
BASE64URL = BASE62 + "-_"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.str_]


class Streams:
    """Named generators of one seed, and sequences of identifiers."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sequences: dict[tuple[str, int, str], Iterator[str]] = {}

    def get(self, name: str, index: int = 0) -> np.random.Generator:
        """A fresh generator; the same name and index always give the same one."""
        return np.random.default_rng([self._seed, zlib.crc32(name.encode()), index])

    def next_id(self, prefix: str, length: int, alphabet: str = BASE62) -> str:
        """The next identifier of its kind: `prefix` and `length` random characters."""
        key = (prefix, length, alphabet)
        if key not in self._sequences:
            self._sequences[key] = _endless(self.get(f"id:{prefix}:{length}"), length, alphabet)
        return prefix + next(self._sequences[key])


def tokens(rng: np.random.Generator, n: int, length: int, alphabet: str = BASE62) -> Texts:
    """`n` random texts of `length` characters."""
    letters = np.frombuffer(alphabet.encode(), dtype=np.uint8)
    drawn = letters[rng.integers(0, len(alphabet), (n, length), dtype=np.uint8)]
    return drawn.view(f"S{length}").reshape(n).astype(f"U{length}") if n else np.zeros(0, dtype=f"U{length}")


def _endless(rng: np.random.Generator, length: int, alphabet: str) -> Iterator[str]:
    while True:
        yield from tokens(rng, 4096, length, alphabet).tolist()


def addresses(rng: np.random.Generator, n: int) -> list[str]:
    """IPv4 addresses from 198.18.0.0/15, the range set aside for benchmarks (RFC 2544): never a real machine."""
    number = rng.integers(0, 2**17, n)
    return [f"198.{18 + (v >> 16)}.{(v >> 8) & 255}.{v & 255}" for v in number.tolist()]


def pick(rng: np.random.Generator, weights: list[float], n: int) -> Ints:
    """`n` indices drawn with the given relative weights."""
    share = np.asarray(weights, dtype=float)
    return np.searchsorted(np.cumsum(share / share.sum())[:-1], rng.random(n), side="right").astype(np.int64)
