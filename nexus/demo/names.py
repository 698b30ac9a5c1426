"""Invented names of companies and people, put together from syllables so that they belong to nobody.

Belongs here: text only. Domains end in .example, which no registry gives out (RFC 2606).
"""

from __future__ import annotations

import numpy as np

_HEADS = [
    "bal",
    "cor",
    "dor",
    "fen",
    "gal",
    "hel",
    "ker",
    "lum",
    "mar",
    "nor",
    "pel",
    "quin",
    "ros",
    "sel",
    "tam",
    "ulm",
    "vel",
    "wend",
    "yor",
    "zan",
    "bri",
    "dra",
    "flo",
    "gre",
    "klo",
]
_MIDDLES = ["a", "e", "i", "o", "u", "an", "el", "im", "or", "us", "av", "ed", "ir", "ol", "un"]
_TAILS = [
    "bex",
    "dane",
    "fold",
    "gate",
    "heim",
    "lith",
    "mond",
    "nix",
    "pora",
    "quist",
    "rath",
    "stel",
    "tova",
    "vane",
    "wick",
    "zeth",
    "lora",
    "mire",
    "nova",
    "dell",
]
_LEGAL = ("Ltd", "Inc", "GmbH", "Labs", "Works", "Group", "Studio", "Partners")
_GIVEN = ("Ta", "Mi", "Lo", "Ke", "Ari", "Be", "No", "Sa", "Eli", "Ru", "Fa", "Jo", "Vi", "Da", "Hu", "Ny")
_GIVEN_TAILS = (
    "vo",
    "ren",
    "lia",
    "mik",
    "dra",
    "sel",
    "nor",
    "bine",
    "ket",
    "yu",
    "zo",
    "lin",
    "mar",
    "pen",
    "tis",
    "ne",
)
_FAMILY = (
    "Brel",
    "Kolv",
    "Drem",
    "Fask",
    "Hult",
    "Jorv",
    "Krent",
    "Lomb",
    "Mosk",
    "Narv",
    "Plint",
    "Quor",
    "Strav",
    "Tolm",
    "Vask",
    "Wrel",
)
_FAMILY_TAILS = ("nik", "an", "ert", "ovi", "is", "hagen", "ell", "una", "ard", "eby", "ost", "ume")


def companies(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """`n` company names and their mail domains; domains are unique."""
    parts = [rng.integers(0, len(pool), n).tolist() for pool in (_HEADS, _MIDDLES, _TAILS, _LEGAL)]
    names, domains, seen = [], [], dict[str, int]()
    for head, middle, tail, legal in zip(*parts, strict=True):
        stem = _HEADS[head] + _MIDDLES[middle] + _TAILS[tail]
        seen[stem] = count = seen.get(stem, 0) + 1
        suffix = "" if count == 1 else f" {_roman(count)}"
        names.append(f"{stem.title()}{suffix} {_LEGAL[legal]}")
        domains.append(f"{stem}{'' if count == 1 else count}.example")
    return names, domains


def people(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """Given and family names of `n` invented people."""
    given = [_GIVEN[a] + _GIVEN_TAILS[b] for a, b in _pairs(rng, n, _GIVEN, _GIVEN_TAILS)]
    family = [_FAMILY[a] + _FAMILY_TAILS[b] for a, b in _pairs(rng, n, _FAMILY, _FAMILY_TAILS)]
    return given, family


def _pairs(rng: np.random.Generator, n: int, *pools: tuple[str, ...]) -> list[tuple[int, ...]]:
    return list(zip(*(rng.integers(0, len(pool), n).tolist() for pool in pools), strict=True))


def _roman(number: int) -> str:
    text = ""
    for value, letters in ((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        while number >= value:
            text, number = text + letters, number - value
    return text
