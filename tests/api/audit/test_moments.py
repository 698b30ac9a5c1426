"""From when to when: a moment, and nothing that could be taken for one."""

from __future__ import annotations

import pytest

from tests.api.kernel import Kernel


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("2026-01-31T12:00:00Z", 200),
        ("2026-01-31T12:00:00.5+01:00", 200),
        ("0.5", 422),
        ("1769860800", 422),
        ("2026-01-31", 422),
        ("2026-13-31T12:00:00Z", 422),
        ("yesterday", 422),
    ],
)
def test_until(kernel: Kernel, text: str, status: int) -> None:
    answer = kernel.caller().get("/v1/audit", params={"until": text})
    assert answer.status_code == status, answer.text
