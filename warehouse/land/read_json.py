"""The `json` reader: one document, an array of them, or several one after another, on one line or on many.

Belongs here: the loop over a file's blocks, and what ends it. Does not belong here: finding documents in a piece of
text (json_values.py), list pages (Source.unwrap opens them).
"""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.land.chunk import CHUNK_BYTES, Chunk
from warehouse.land.json_values import DOCUMENT_BYTES, Values
from warehouse.land.stream import CutOff


def json_documents(source: Iterator[bytes]) -> Iterator[Chunk]:
    """Chunks of the documents in a UTF-8 text. What is damaged goes to quarantine alone, as far as can be told."""
    values, held, awaited, fault = Values(), b"", 0, None
    while True:
        try:
            block = next(source, None)
        except CutOff as error:
            block, fault = None, str(error)
        if block is None:
            break
        held += block
        if len(held) < awaited:
            continue
        held = values.take(held)
        # a long document is looked at again when twice as much of it is there
        awaited = min(2 * len(held), DOCUMENT_BYTES + 1)
        if values.size > CHUNK_BYTES:
            yield values.chunk()
    held = values.take(held)
    values.end(held, fault)
    yield values.chunk()
