"""The place of a document in a batch, as one number: file · 2^48 + line · 2^20 + number of the document in its chunk.

Belongs here: putting such a number together and taking it apart, in numpy and in SQL.
Does not belong here: reading files, staging rows.

The number is unique in a batch and rises with the order in which documents stand in it.
"""

from __future__ import annotations

import numpy as np

LINE_BITS, DOCUMENT_BITS = 28, 20


def file_of(places: np.ndarray) -> np.ndarray:
    """Number of the file."""
    return places >> (LINE_BITS + DOCUMENT_BITS)


def line_of(places: np.ndarray) -> np.ndarray:
    """Number of the line in its file."""
    return (places >> DOCUMENT_BITS) & ((1 << LINE_BITS) - 1)


def file_sql(place: str) -> str:
    return f"({place} >> {LINE_BITS + DOCUMENT_BITS})"


def line_sql(place: str) -> str:
    return f"(({place} >> {DOCUMENT_BITS}) & {(1 << LINE_BITS) - 1})"
