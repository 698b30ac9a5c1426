"""What `/metrics` says, read by Prometheus' own tool.

Belongs here: calling promtool. Does not belong here: which metrics there are.
"""

from __future__ import annotations

import shutil
import subprocess

import httpx

from tests.conformance.places import Place

MISSING = "promtool is not installed (Debian: apt-get install --no-install-recommends prometheus)"


class SkippedError(Exception):
    """What looks at it is not on this machine; the text says how to get it."""


def check(place: Place) -> tuple[str, list[str]]:
    """How many series there are; promtool's objections. Raises SkippedError without promtool."""
    return examined(httpx.get(f"{place.address}/metrics", timeout=20).text)


def examined(text: str) -> tuple[str, list[str]]:
    if shutil.which("promtool") is None:
        raise SkippedError(MISSING)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    objections = (done.stdout + done.stderr).strip().splitlines()
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    return f"{series} series", objections or ([f"promtool ended with {done.returncode}"] if done.returncode else [])
