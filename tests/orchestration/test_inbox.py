"""What is dropped into the inbox lands once and is put away with a report that a person can act upon."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from nexus.errors import ConflictError, MachineError
from nexus.settings import Settings
from orchestration import inbox
from orchestration.inbox import folder, outcome, taking
from warehouse import ledger
from warehouse.land import land

OKTA_USER = {
    "id": "00u1", "status": "ACTIVE", "created": "2026-01-02T03:04:05.000Z", "lastUpdated": "2026-01-02T03:04:05.000Z",
    "profile": {"login": "kim@acme.example", "email": "kim@acme.example", "firstName": "Kim", "lastName": "Doe"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are whole as soon as they are closed."""
    monkeypatch.setattr(folder, "QUIET", timedelta(0))


def drop(settings: Settings, where: str, *lines: dict[str, Any] | str) -> Path:
    path = settings.home / "inbox" / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def report_of(path: Path, where: str) -> str:
    return (path.parent / where / f"{path.name}.report.md").read_text()


def batches(settings: Settings) -> list[str]:
    with ledger.connect(settings) as connection:
        rows = connection.execute("select batch_id from batch where status = 'landed' order by seq").fetchall()
    return [row["batch_id"] for row in rows]


def test_a_file_lands_and_moves_to_done_beside_its_report(settings: Settings) -> None:
    users = drop(settings, "acme/okta/users.jsonl", OKTA_USER, OKTA_USER | {"id": "00u2"}, '{"id": "cut o')

    (report,) = inbox.take(settings, "okta")

    assert (report.workspace, report.landed, report.quarantined) == ("acme", 2, 1)
    assert not users.exists()
    assert (users.parent / "done" / "users.jsonl").exists()
    text = report_of(users, "done")
    assert "**3 read = 2 landed + 0 duplicate + 1 quarantined**" in text
    assert "| 1 | not JSON: malformed or cut off | users.jsonl | 3 |" in text
    assert "nexus quarantine list --workspace acme --source okta" in text
    assert batches(settings)[0] in text
    assert inbox.drops(settings) == []
    assert inbox.take(settings, "okta") == []


def test_a_bad_file_that_is_dropped_again_fails_again(settings: Settings) -> None:
    for _ in range(2):
        users = drop(settings, "acme/okta/users.jsonl", '{"id": "cut o')
        inbox.take(settings, "okta")
    text = (users.parent / "failed" / "users-2.jsonl.report.md").read_text()
    assert "1 read = 0 landed + 0 duplicate + 1 quarantined" in text
    assert "Still in quarantine since then: 1 records." in text


def test_the_same_file_again_is_done_again_and_lands_nothing(settings: Settings) -> None:
    for _ in range(2):
        users = drop(settings, "acme/okta/users.jsonl", OKTA_USER)
        inbox.take(settings, "okta")
    assert len(batches(settings)) == 1
    again = (users.parent / "done" / "users-2.jsonl.report.md").read_text()
    assert f"Landed before, with the same content (batch {batches(settings)[0]})" in again
    assert "1 read = 0 landed + 1 duplicate" in again
    assert {p.name for p in (users.parent / "done").iterdir()} == {
        "users.jsonl", "users.jsonl.report.md", "users-2.jsonl", "users-2.jsonl.report.md",
    }  # fmt: skip


def test_a_dropped_folder_is_taken_whole(settings: Settings) -> None:
    drop(settings, "acme/okta/export/users.jsonl", OKTA_USER)
    inner = drop(settings, "acme/okta/export/more/users.jsonl", OKTA_USER | {"id": "00u2"})
    (report,) = inbox.take(settings, "okta")
    assert report.landed == 2
    assert not inner.exists()
    assert (settings.home / "inbox/acme/okta/done/export/more/users.jsonl").exists()


@pytest.mark.parametrize(
    ("where", "why", "remedy"),
    [
        ("acme/stripes/charges.jsonl", "there is no source 'stripes'", "known sources: "),
        ("Acme Inc/okta/users.jsonl", "workspace 'Acme Inc' is not usable as a name", "lower-case letters"),
        ("acme/users.jsonl", "nobody knows which source it is of", "inbox/<workspace>/<source>/"),
        ("users.jsonl", "nobody knows which source it is of", "inbox/<workspace>/<source>/"),
    ],
)
def test_what_no_source_takes_is_put_away_with_the_remedy(
    settings: Settings, where: str, why: str, remedy: str
) -> None:
    path = drop(settings, where, OKTA_USER)
    inbox.refuse_strays(settings)
    assert not path.exists()
    assert (path.parent / "failed" / path.name).exists()
    text = report_of(path, "failed")
    assert why in text
    assert remedy in text
    assert inbox.drops(settings) == []


def test_a_table_that_no_mapping_knows_fails_with_the_remedy(settings: Settings) -> None:
    table = drop(settings, "acme/tabular/strange.csv", "colour,taste", "red,sweet")
    assert inbox.take(settings, "tabular") == []
    text = report_of(table, "failed")
    assert "no known mapping fits its columns (colour, taste)" in text
    assert "mapping" in text.partition("## What to do")[2]
    assert batches(settings) == []


def test_a_file_of_which_nothing_is_good_fails_and_its_records_are_kept(settings: Settings) -> None:
    broken = drop(settings, "acme/okta/users.jsonl", "{", "{")
    inbox.take(settings, "okta")
    assert "nothing could be landed" in report_of(broken, "failed")
    assert "2 quarantined" in report_of(broken, "failed")


def test_what_is_still_written_is_left_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(settings, "acme/okta/users.jsonl", OKTA_USER)
    monkeypatch.setattr(folder, "QUIET", timedelta(seconds=3))
    assert inbox.settled(settings) == [], "changed a moment ago"
    changed = path.stat().st_ctime
    monkeypatch.setattr(folder, "_now_at", lambda _: changed + 3.1)
    assert [d.path for d in inbox.settled(settings)] == [path]
    with path.open("a") as writer:
        writer.write(" ")
        writer.flush()
        monkeypatch.setattr(folder, "_now_at", lambda _: changed + 3600)
        assert inbox.settled(settings) == [], "a program has it open for writing"
    assert [d.path for d in inbox.settled(settings)] == [path]


@pytest.mark.parametrize("name", [".users.jsonl", "users.jsonl.part", "users.jsonl.tmp", "users.jsonl~"])
def test_names_of_unfinished_files_are_left_alone(settings: Settings, name: str) -> None:
    path = drop(settings, f"acme/okta/{name}", OKTA_USER)
    assert inbox.drops(settings) == []
    path.rename(path.with_name("users.jsonl"))
    assert [d.path.name for d in inbox.settled(settings, "okta")] == ["users.jsonl"]


@pytest.mark.parametrize(
    "name",
    [".more.jsonl.Xa81kQ", "more.jsonl.part", "more.jsonl.crdownload", "deep/.~tmp~/more.jsonl", "deep/more.jsonl~"],
)
def test_a_folder_waits_for_what_is_still_uploaded_into_it(
    settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(settings, "acme/okta/export/users.jsonl", OKTA_USER)
    more = drop(settings, f"acme/okta/export/{name}", OKTA_USER | {"id": "00u2"})
    begun = more.stat().st_ctime
    monkeypatch.setattr(folder, "_now_at", lambda _: begun + 3590)
    assert inbox.take(settings, "okta") == [], "somebody is going to finish it"
    more.rename(settings.home / "inbox/acme/okta/export/more.jsonl")
    (report,) = inbox.take(settings, "okta")
    assert report.landed == 2
    assert (settings.home / "inbox/acme/okta/done/export/more.jsonl").exists()


def test_what_nobody_finishes_is_told_after_an_hour(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    export = drop(settings, "acme/okta/export/users.jsonl", OKTA_USER).parent
    hidden = drop(settings, "acme/okta/export/.more.jsonl.Xa81kQ", OKTA_USER | {"id": "00u2"})
    drop(settings, "acme/okta/export/last.jsonl.part", OKTA_USER | {"id": "00u3"})
    alone = drop(settings, "acme/okta/alone/.users.jsonl.Xa81kQ", OKTA_USER).parent
    begun = hidden.stat().st_ctime
    monkeypatch.setattr(folder, "_now_at", lambda _: begun + 3610)
    (landed,) = inbox.take(settings, "okta")
    assert landed.landed == 1, "only what was finished"
    text = report_of(export, "failed")
    assert "export: landed in part" in text
    assert "not read: `.more.jsonl.Xa81kQ`, `last.jsonl.part`. Upload them again" in text
    assert "because no reader takes" not in text
    assert (export.parent / "failed" / "export" / ".more.jsonl.Xa81kQ").exists()
    assert "nothing has changed for 1:00:00: .users.jsonl.Xa81kQ" in report_of(alone, "failed")
    assert inbox.drops(settings) == []


def test_a_name_of_an_unfinished_file_is_not_read_where_a_pattern_of_the_source_fits_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = '203.0.113.9 - - [05/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0"'
    drop(settings, "acme/http_access/logs/access_log", line)
    part = drop(settings, "acme/http_access/logs/access_log.2.part", line.replace("GET /", "GET /other"))
    begun = part.stat().st_ctime
    monkeypatch.setattr(folder, "_now_at", lambda _: begun + 3610)
    (landed,) = inbox.take(settings, "http_access")
    assert (landed.landed, landed.quarantined) == (1, 0)


def test_what_desktops_leave_in_a_folder_keeps_nobody_waiting(settings: Settings) -> None:
    export = drop(settings, "acme/okta/export/users.jsonl", OKTA_USER).parent
    drop(settings, "acme/okta/export/.DS_Store", "x")
    drop(settings, "acme/okta/export/._users.jsonl", "x")
    drop(settings, "acme/okta/empty/.DS_Store", "x")
    (landed,) = inbox.take(settings, "okta")
    assert landed.landed == 1
    assert (export.parent / "done" / "export").exists()
    assert inbox.drops(settings) == []


def test_a_folder_is_quiet_only_when_all_that_is_in_it_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "QUIET", timedelta(seconds=3))
    export = drop(settings, "acme/okta/export/users.jsonl", OKTA_USER).parent
    (export / "nowhere").symlink_to("absent")
    changed = max(p.lstat().st_ctime for p in (export, *export.iterdir()))
    monkeypatch.setattr(folder, "_now_at", lambda _: changed + 2.9)
    assert inbox.settled(settings) == []
    monkeypatch.setattr(folder, "_now_at", lambda _: changed + 3.1)
    assert [d.path for d in inbox.settled(settings)] == [export], "a link that leads nowhere does not keep it"
    (export / "later").mkdir()
    assert abs((export / "later").stat().st_ctime - changed) < 60
    monkeypatch.setattr(folder, "_now_at", lambda _: (export / "later").stat().st_ctime + 2.9)
    assert inbox.settled(settings) == [], "a folder within it was made a moment ago"


def test_what_is_written_while_it_lands_is_not_put_away(settings: Settings) -> None:
    path = drop(settings, "acme/okta/users.jsonl", OKTA_USER)

    def go_on_writing(reached: str) -> None:
        if reached == "landed":
            with path.open("a") as writer:
                writer.write(json.dumps(OKTA_USER | {"id": "00u2"}) + "\n")

    assert inbox.take(settings, "okta", checkpoint=go_on_writing) == []
    assert path.exists()
    (report,) = inbox.take(settings, "okta")
    assert (report.landed, report.duplicate) == (1, 1)


def test_killed_between_landing_and_moving_it_is_recognised(settings: Settings) -> None:
    path = drop(settings, "acme/okta/users.jsonl", OKTA_USER)

    def die(reached: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inbox.take(settings, "okta", checkpoint=die)
    assert path.exists()
    inbox.take(settings, "okta")
    assert len(batches(settings)) == 1
    assert "Landed before" in report_of(path, "done")


@pytest.mark.parametrize("content", [OKTA_USER, '{"id": "cut o'], ids=["good", "bad"])
def test_killed_between_report_and_move_there_is_one_report(settings: Settings, content: dict[str, Any] | str) -> None:
    users = drop(settings, "acme/okta/users.jsonl", content)

    def die(reached: str) -> None:
        if reached == "reported":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inbox.take(settings, "okta", checkpoint=die)
    where = "done" if content == OKTA_USER else "failed"
    before = report_of(users, where)
    assert inbox.take(settings, "okta") == []
    assert {p.name for p in (users.parent / where).iterdir()} == {"users.jsonl", "users.jsonl.report.md"}
    assert report_of(users, where) == before

    # another file of that name, whose predecessor somebody has taken away, gets a report of its own
    (users.parent / where / "users.jsonl").unlink()
    drop(settings, "acme/okta/users.jsonl", content)
    inbox.take(settings, "okta")
    assert len(list(users.parent.glob("*/*.report.md"))) == 2


@pytest.mark.parametrize(
    "error",
    [
        ConflictError("somebody else holds it"),
        MachineError("the disk is full"),
        OSError(5, "Input/output error"),
        psycopg.errors.AdminShutdown("terminating connection due to administrator command"),
        psycopg.InterfaceError("the connection is closed"),
        duckdb.IOException("could not set lock"),
        duckdb.Error("No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_go_better_next_time_is_left_lying(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = drop(settings, "acme/okta/users.jsonl", OKTA_USER)

    def busy(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(taking, "land", busy)
    with pytest.raises(type(error)):
        inbox.take(settings, "okta")
    assert path.exists()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a\0b"),
        psycopg.DataError("text fields cannot contain NUL"),
        psycopg.errors.ProgramLimitExceeded("index row size"),
        duckdb.InternalException("unforeseen"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_nobody_had_foreseen_keeps_no_other_file_from_landing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    odd = drop(settings, "acme/okta/a.jsonl", OKTA_USER)
    good = drop(settings, "acme/okta/b.jsonl", OKTA_USER | {"id": "00u2"})

    def stumble(source: Any, paths: list[Path], *rest: Any, **more: Any) -> Any:
        if paths == [odd]:
            raise error
        return land(source, paths, *rest, **more)

    monkeypatch.setattr(taking, "land", stumble)
    (report,) = inbox.take(settings, "okta")
    assert report.landed == 1
    assert (good.parent / "done" / "b.jsonl").exists()
    assert (odd.parent / "failed" / "a.jsonl").exists()
    text = report_of(odd, "failed")
    assert f"an error that nobody had foreseen ({type(error).__name__}: " in text
    assert "report this as a defect" in text
    assert "\0" not in text
    (logged,) = [record for record in caplog.records if record.name == "nexus.inbox"]
    assert logged.exc_info
    assert logged.exc_info[1] is error
    assert inbox.drops(settings) == []


def test_reports_are_told_what_became_of_them(settings: Settings) -> None:
    users = drop(settings, "acme/okta/users.jsonl", OKTA_USER)
    inbox.take(settings, "okta")
    assert "On their way" in report_of(users, "done")

    inbox.conclude(settings)
    assert "the run ended before its publication" in report_of(users, "done")

    inbox.published(settings, 7, frozenset({"stripe"}))
    assert "version 7" not in report_of(users, "done"), "another source was published"
    inbox.published(settings, 8, frozenset({"okta"}))
    assert "Published in version 8" in report_of(users, "done")
    inbox.conclude(settings)
    assert "Published in version 8" in report_of(users, "done"), "what is published waits no more"
    assert outcome._waiting(settings) == {}


def test_a_refusal_names_the_gates(settings: Settings) -> None:
    from warehouse.quality import GateResult
    from warehouse.quality.record import record

    users = drop(settings, "acme/okta/users.jsonl", OKTA_USER)
    inbox.take(settings, "okta")
    record(settings, [GateResult("volume", "fct_login", False, "5 rows", "at least 8 rows")])
    inbox.conclude(settings)
    assert "fct_login: volume: 5 rows, expected at least 8 rows" in report_of(users, "done")


def test_what_cannot_be_opened_is_not_being_written(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    assert not folder._is_written(tmp_path / "self")
    with pytest.raises(FileNotFoundError):
        folder._is_written(tmp_path / "gone")
