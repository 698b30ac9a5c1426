"""Real files, corrupted in every way that comes to mind: what is read is landed, known already or in quarantine."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from nexus.contracts import Source
from nexus.errors import InputError
from nexus.settings import PROJECT, Settings
from orchestration.sources import choose
from tests.conftest import SHARED
from warehouse import ledger, quarantine, replaying
from warehouse.land import LandingReport, land

FIXTURES = sorted(
    path
    for path in (PROJECT / "orchestration" / "sources").glob("*/fixtures/**/*")
    if path.is_file() and path.suffix in (".json", ".jsonl", ".csv", ".log")
)
SCORES = PROJECT / "orchestration" / "sources" / "nexus" / "fixtures" / "churn_scores.jsonl"
#: Beginnings of the real records: source, and as many bytes.
REAL = {
    "files/apache_access.log": ("s3", 60_000),
    "email/hillstrom.csv": ("tabular", 30_000),
    "payments/stripe_fixtures.json": ("stripe", 400_000),
    "churn/telco_customer_churn.csv": ("tabular", 30_000),
}
_workspaces = count(1)


@dataclass(frozen=True)
class Damage:
    """One thing that happens to a file: what, and where (0 to 1)."""

    kind: str
    at: float
    to: float

    def __call__(self, data: bytes, other: bytes) -> bytes:
        place, target = int(self.at * len(data)), int(self.to * len(data))
        lines = data.splitlines(keepends=True)
        line = int(self.at * len(lines))
        match self.kind:
            case "truncate":
                return data[:place]
            case "flip":
                return data[:place] + bytes(b ^ 1 << place % 8 for b in data[place : place + 1]) + data[place + 1 :]
            case "delete line":
                return b"".join(lines[:line] + lines[line + 1 :])
            case "duplicate line":
                return b"".join(lines[: line + 1] + lines[line:])
            case "swap lines":
                lines.insert(int(self.to * len(lines)), lines.pop(line) if lines else b"")
                return b"".join(lines)
            case "splice":
                return data[:place] + other[int(self.to * len(other)) :][:300] + data[place:]
            case "drop":
                return data[: min(place, target)] + data[max(place, target) :]
            case _:
                return data[:place] + INSERTED[self.kind] + data[place:]


INSERTED = {
    "NUL": b"\0", "no UTF-8": b"\xff\xfe\xe9", "quote": b'"', "newline": b"\n", "bracket": b"]", "brace": b"{",
    "backslash": b"\\", "mark": b"\xef\xbb\xbf", "long": b"x" * 70_000, "deep": b"[" * 3000, "carriage": b"\r",
}  # fmt: skip
_KINDS = ("truncate", "flip", "delete line", "duplicate line", "swap lines", "splice", "drop", *INSERTED)
_PLACE = st.floats(0, 1, exclude_max=True)
DAMAGES = st.lists(st.builds(Damage, st.sampled_from(_KINDS), _PLACE, _PLACE), min_size=1, max_size=5)
PACKED = st.one_of(st.none(), st.just(1.0), _PLACE)


@given(path=st.sampled_from(FIXTURES), other=st.sampled_from(FIXTURES), damages=DAMAGES, packed=PACKED)
# a source of one table, and a chunk that turns out not to be JSON only when it is read
@example(path=SCORES, other=SCORES, damages=[Damage("long", 0.0, 0.0)], packed=None)
@hypothesis(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_fixtures(
    settings: Settings, tmp_path: Path, path: Path, other: Path, damages: list[Damage], packed: float | None
) -> None:
    name = path.parts[path.parts.index("sources") + 1]
    examine(settings, tmp_path, name, path.name, path.read_bytes(), other.read_bytes(), damages, packed)


@pytest.mark.slow
@given(path=st.sampled_from(FIXTURES), other=st.sampled_from(FIXTURES), damages=DAMAGES, packed=PACKED)
@hypothesis(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fixtures_for_long(
    settings: Settings, tmp_path: Path, path: Path, other: Path, damages: list[Damage], packed: float | None
) -> None:
    name = path.parts[path.parts.index("sources") + 1]
    examine(settings, tmp_path, name, path.name, path.read_bytes(), other.read_bytes(), damages, packed)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the real records (../shared/data) do not lie beside this checkout")
@given(which=st.sampled_from(sorted(REAL)), other=st.sampled_from(FIXTURES), damages=DAMAGES, packed=PACKED)
@hypothesis(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_real_records_for_long(
    settings: Settings, tmp_path: Path, which: str, other: Path, damages: list[Damage], packed: float | None
) -> None:
    name, size = REAL[which]
    data = (SHARED / which).read_bytes()[:size]
    examine(settings, tmp_path, name, Path(which).name, data, other.read_bytes(), damages, packed)


def examine(
    settings: Settings, folder: Path, source: str, name: str, data: bytes, other: bytes, damages: list[Damage],
    packed: float | None,
) -> None:  # fmt: skip
    """Lands the corrupted file for two workspaces, twice each, and tries the quarantine again."""
    for damage in damages:
        data = damage(data, other)
    path = folder / name
    if packed is not None:
        path = folder / f"{name}.gz"
        whole = gzip.compress(data)
        path.write_bytes(whole[: max(int(packed * len(whole)), 20)])
    else:
        path.write_bytes(data)
    number = next(_workspaces)
    try:
        chosen, mapping = choose(source, [path])
    except InputError as error:
        explained(error)
        return
    run: Callable[[str], LandingReport | None] = lambda workspace: landed(chosen, path, workspace, settings, mapping)  # noqa: E731
    first, second = run(f"one-{number}"), run(f"two-{number}")
    assert (first is None) == (second is None)
    for workspace, report in ((f"one-{number}", first), (f"two-{number}", second)):
        assert rows_of(settings, workspace, "raw") == (report.landed if report else 0)
        assert rows_of(settings, workspace, "quarantine") == (report.quarantined if report else 0)
    if first is None or second is None:
        return
    assert all(c.balanced for c in (first.total, *first.files.values(), *first.tables.values()))
    assert first.total == second.total
    if chosen.readers.get("*.log") == "lines" and packed is None and name.endswith(".log"):
        assert first.read == sum(1 for line in data.split(b"\n") if line.strip(b" \t\r\n"))
    before = quarantine.read(settings, workspace=f"one-{number}")
    again = replaying.replay(settings, chosen, f"one-{number}", mapping=mapping)
    assert (again.tried, again.landed, again.duplicate) == (len(before), 0, 0)
    assert sum(again.still_bad.values()) == len(before)
    assert quarantine.read(settings, workspace=f"one-{number}").equals(before)
    repeated = run(f"one-{number}")
    assert repeated is not None
    assert (repeated.read, repeated.landed, repeated.quarantined) == (first.read, 0, first.quarantined)
    assert rows_of(settings, f"one-{number}", "raw") == first.landed


def landed(source: Source, path: Path, workspace: str, settings: Settings, mapping: str) -> LandingReport | None:
    """The report, or None for a file that was refused with a sentence and left nothing."""
    try:
        return land(source, [path], workspace, settings, mapping=mapping)
    except InputError as error:
        explained(error)
        return None
    finally:
        assert not list(settings.lake.rglob("*.tmp"))


def explained(error: InputError) -> None:
    assert error.remedy, error.message


def rows_of(settings: Settings, workspace: str, part: str) -> int:
    """Rows in the committed files of a workspace, every one of them its own."""
    with ledger.connect(settings) as connection:
        files = [p.path for p in ledger.parts(connection, settings, workspace=workspace, part=part)]
    for file in files:
        assert set(pq.read_table(file, columns=["workspace_id"], partitioning=None)[0].to_pylist()) == {workspace}
    return sum(pq.read_metadata(file).num_rows for file in files)
