"""What the first visitor would wait for is done before the server listens."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from apps.streamlit import serve
from apps.streamlit.components import metric_sql
from nexus.settings import PROJECT, Settings

pytestmark = pytest.mark.browser
FIRST_VISIT = f"""
import sys
from streamlit.testing.v1 import AppTest
from apps.streamlit.components import warm
warm.up()
known = set(sys.modules)
visit = AppTest.from_file({str(serve.APP)!r}, default_timeout=60).run()
print(*(e.message for e in visit.exception), *sorted(set(sys.modules) - known), sep="\\n")
"""


def test_the_first_page_imports_and_compiles_nothing(published: Settings) -> None:
    kept = metric_sql._folder(published)
    done = subprocess.run(
        [sys.executable, "-c", FIRST_VISIT],
        cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(published.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == []
    assert len(list(kept.glob("*.sql"))) > 10


def test_a_home_without_anything_published_starts(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_VISIT],
        cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == []
