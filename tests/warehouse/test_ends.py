"""Line ends as compiled code finds them are those that numpy finds."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.land import ends, native

pytestmark = pytest.mark.usefixtures("library")


@given(
    st.lists(st.sampled_from([b"\n", b"[", b" [", b"{}", b"\r", b"x" * 20, b"y" * 70, "\u010a".encode()])).map(b"".join)
)
def test_line_ends_and_brackets(data: bytes) -> None:
    places, bracket = ends._by_numpy(data)
    assert (places.tolist(), bracket) == (
        [n + 1 for n, byte in enumerate(data) if byte == 10],
        any(line.startswith(b"[") for line in data.split(b"\n")),
    )
    compiled = ends._by_compiled_code(data)
    short = data.count(b"\n") > len(data) // 16 + 1
    assert (compiled is None) == short
    if compiled is not None:
        assert (compiled[0].tolist(), compiled[1]) == (places.tolist(), bracket)
    found = ends.line_ends(data)
    assert (found[0].tolist(), found[1]) == (places.tolist(), bracket)


def test_nothing_is_written_beyond_the_room(library: Any) -> None:
    room, bracket = np.full(4, -7, np.int32), ctypes.c_int64()
    assert library.lines(b"a\nb\nc\nd", 7, room.ctypes.data, 3, bracket) == 3
    assert room.tolist() == [2, 4, 6, -7]
    assert library.lines(b"a\nb\nc\nd\n", 8, room.ctypes.data, 3, bracket) == -1
    assert room.tolist() == [2, 4, 6, -7]


def test_nothing_is_compiled_for_the_sake_of_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    native.library.cache_clear()
    monkeypatch.setattr(native, "_library", lambda: pytest.fail("asked for"))
    assert native.at_hand() is None
    assert ends.line_ends(b"[\n")[0].tolist() == [2]
    native.library.cache_clear()
