"""Mail, sign-ins and file events lose no row and freeze none when their past or their customers land later."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import pytest
from pydantic import SecretStr

from nexus import postgres
from nexus.settings import PROJECT, Settings
from orchestration.sources import discover
from tests.transforms.shared import WORKSPACE, Built, build, land_export, load, query
from warehouse import dbt
from warehouse.engines import open_engine
from warehouse.land import land
from warehouse.publish import build_lock, publish
from warehouse.versions import list_versions

MARTS = {
    "fct_email_event": "email_event_id",
    "fct_email_message": "message_id",
    "fct_login": "login_id",
    "fct_file_event": "file_event_id",
}
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0"


@pytest.fixture(scope="module", params=("duckdb", pytest.param("postgres", marks=pytest.mark.long)))
def late(built: Built, request: pytest.FixtureRequest) -> Iterator[tuple[Settings, str, dict[str, pl.DataFrame]]]:
    """Every other month first and without anybody's customer; then the rest, users and customers included."""
    engine: str = request.param
    home = built.settings.home / f"late_activity_{engine}"
    url = SecretStr(postgres.dsn(built.settings, f"late_activity_{engine}"))
    settings = Settings(home=home, database_url=url)
    for source, pattern in (
        ("okta", "system_log-*[02468].jsonl*"),
        ("email_events", "*[02468].json*"),
        ("s3", "*-0[2468]-*"),
    ):
        land_export(settings, built.company, [source], pattern)
    _ses(
        settings,
        home / "click.jsonl",
        _event("Click", "10:00:05", {"userAgent": PERSON, "link": "https://x.example/1"}),
    )
    _build(settings, engine)
    _publish(settings, engine)
    first = {mart: query(settings, engine, f"select * from marts.{mart}") for mart in MARTS}
    land_export(settings, built.company, ("stripe",), "customers*")
    land_export(settings, built.company, ("okta", "email_events", "s3"))
    _ses(settings, home / "delivery.jsonl", _event("Delivery", "10:00:00", {"recipients": ["late@x.example"]}))
    mail = PROJECT / "orchestration" / "sources" / "email_events" / "fixtures"
    land(discover()["email_events"], [mail / "mailgun.json", mail / "postmark.jsonl"], WORKSPACE, settings)
    _build(settings, engine)
    _publish(settings, engine)
    yield settings, engine, first
    shutil.rmtree(home, ignore_errors=True)


def _event(kind: str, at: str, detail: dict[str, Any]) -> dict[str, Any]:
    mail = {"timestamp": "2025-05-02T10:00:00.000Z", "messageId": "late-message", "destination": ["late@x.example"]}
    return {"eventType": kind, "mail": mail, kind.lower(): {"timestamp": f"2025-05-02T{at}.000Z", **detail}}


def _ses(settings: Settings, path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(record) + b"\n")
    land(discover()["email_events"], [path], WORKSPACE, settings)


def _build(settings: Settings, engine: str) -> None:
    load(settings, engine)
    build(settings, engine, select=tuple(f"+{mart}" for mart in MARTS))


def _publish(settings: Settings, engine: str) -> None:
    with build_lock(settings):
        publish(settings, engine=engine)


def test_the_version_completed_by_what_was_written_holds_the_rows_of_the_build(
    late: tuple[Settings, str, dict[str, pl.DataFrame]],
) -> None:
    settings, engine, first = late
    after, before = list_versions(settings)
    for mart, key in MARTS.items():
        rows = query(settings, engine, f"select * from marts.{mart} order by 1, {key}")
        with duckdb.connect(str(after.path), read_only=True) as version:
            held = version.execute(f"select * from marts.{mart} order by 1, {key}").pl()
        assert held.rows() == rows.rows(), mart
        assert len(held) > len(first[mart])
        assert before.contents.relations[f"marts.{mart}"] < after.contents.relations[f"marts.{mart}"]


def test_facts_came_before_their_customers(late: tuple[Settings, str, dict[str, pl.DataFrame]]) -> None:
    _, _, first = late
    for mart, rows in first.items():
        assert len(rows) > 50, mart
        # objects name their tenant, but nobody is known to be one yet
        assert rows["customer_id"].null_count() == len(rows), mart


def test_no_row_is_lost(late: tuple[Settings, str, dict[str, pl.DataFrame]]) -> None:
    settings, engine, _ = late
    counts = query(
        settings,
        engine,
        "select (select count(*) from raw.raw_email_events__ses_event)"
        " + (select count(*) from raw.raw_email_events__sendgrid_event)"
        " + (select count(*) from raw.raw_email_events__mailgun_event)"
        " + (select count(*) from raw.raw_email_events__postmark_event) as mail_in,"
        " (select count(*) from marts.fct_email_event) as mail_out,"
        " (select count(*) from raw.raw_s3__access_log) as files_in,"
        " (select count(*) from marts.fct_file_event) as files_out,"
        " (select count(*) from raw.raw_okta__log where event_type = 'user.session.start') as logins_in,"
        " (select count(*) from marts.fct_login where outcome <> 'challenge') as logins_out",
    ).to_dicts()[0]
    assert counts["mail_in"] == counts["mail_out"] > 0
    assert counts["files_in"] == counts["files_out"] > 0
    assert counts["logins_in"] == counts["logins_out"] > 0


def test_rows_written_earlier_find_their_customer(late: tuple[Settings, str, dict[str, pl.DataFrame]]) -> None:
    settings, engine, first = late
    for mart, key in MARTS.items():
        now = query(settings, engine, f"select {key}, customer_id from marts.{mart} where customer_id is not null")
        found = first[mart].select(key).join(now, on=key)
        # a burst tries logins that nobody has, and the event made here is nobody's
        assert len(found) > 0.9 * len(first[mart]), mart


def test_a_click_turns_into_a_scanner_when_its_delivery_lands(
    late: tuple[Settings, str, dict[str, pl.DataFrame]],
) -> None:
    settings, engine, first = late
    before = first["fct_email_event"].filter(pl.col("recipient_email") == "late@x.example")
    assert before.select("event", "is_scanner_click").rows() == [("clicked", False)]
    after = query(
        settings,
        engine,
        "select event, is_scanner_click from marts.fct_email_event where recipient_email = 'late@x.example'",
    )
    assert sorted(after.rows()) == [("clicked", True), ("delivered", False)]


def test_every_sender_speaks_the_one_vocabulary(late: tuple[Settings, str, dict[str, pl.DataFrame]]) -> None:
    settings, engine, _ = late
    events = query(
        settings,
        engine,
        "select provider, recipient_email, event, is_machine_open, campaign_id from marts.fct_email_event"
        " where provider in ('mailgun', 'postmark') order by provider, event_at",
    )
    assert events.rows() == [
        ("mailgun", "r@example.com", "accepted", False, "cmp_9"),
        ("mailgun", "r@example.com", "deferred", False, None),
        ("mailgun", "r@example.com", "delivered", False, None),
        ("mailgun", "r@example.com", "opened", True, None),
        ("mailgun", "gone@example.com", "bounced_hard", False, None),
        ("mailgun", "r@example.com", "clicked", False, None),
        ("postmark", "p@example.com", "delivered", False, "cmp_9"),
        ("postmark", "p@example.com", "opened", False, None),
        ("postmark", "p@example.com", "clicked", False, None),
        ("postmark", "full@example.com", "bounced_soft", False, None),
        ("postmark", "p@example.com", "unsubscribed", False, None),
    ]
    messages = query(
        settings,
        engine,
        "select recipient_email, campaign_id, is_delivered, is_deferred, is_opened_human, is_opened_machine,"
        " is_clicked_human, is_bounced_hard, is_bounced_soft, is_unsubscribed from marts.fct_email_message"
        " where provider in ('mailgun', 'postmark') order by recipient_email",
    )
    assert messages.rows() == [
        ("full@example.com", None, False, False, False, False, False, False, True, False),
        ("gone@example.com", None, False, False, False, False, False, True, False, False),
        ("p@example.com", "cmp_9", True, False, True, False, True, False, False, True),
        ("r@example.com", "cmp_9", True, True, False, True, True, False, False, False),
    ]


def test_a_full_build_makes_the_same_rows(late: tuple[Settings, str, dict[str, pl.DataFrame]]) -> None:
    settings, engine, _ = late
    step_by_step = {mart: query(settings, engine, f"select * from marts.{mart}").sort(MARTS[mart]) for mart in MARTS}
    chosen = [f"+{mart}" for mart in MARTS]
    nodes = dbt.run("run", settings, engine=engine, select=chosen, arguments=["--full-refresh"])
    assert all(node.is_good for node in nodes)
    for mart, key in MARTS.items():
        assert query(settings, engine, f"select * from marts.{mart}").sort(key).equals(step_by_step[mart]), mart


def test_whose_an_old_event_is_is_judged_again_when_its_message_is_written(
    late: tuple[Settings, str, dict[str, pl.DataFrame]],
) -> None:
    """The message of an event that nobody writes names another customer: what has passed must not hide that."""
    settings, engine, _ = late
    follows = "mail_and_logins_follow_their_customer"
    assert _test(settings, engine, follows).is_good
    some = "(select min(message_id) from marts.fct_email_event where customer_id is not null)"
    _run(
        settings,
        engine,
        f"update marts.fct_email_message set customer_id = 'another' where message_id = {some}",
        "update raw._build_number set number = number + 1",
        "insert into raw._written select 'marts.fct_email_message', number, 'message_id', workspace_id, message_id"
        " from marts.fct_email_message, raw._build_number where customer_id = 'another'",
    )
    failed = _test(settings, engine, follows)
    assert failed.is_bad
    assert "raw._written" in failed.compiled, "it reads what was written, not everything"


def test_a_test_reads_what_was_written_since_it_passed(late: tuple[Settings, str, dict[str, pl.DataFrame]]) -> None:
    settings, engine, _ = late
    assert _failures(settings, engine) == 0
    twice = "insert into marts.fct_login select * from marts.fct_login order by login_id limit 1"
    _run(settings, engine, twice)
    assert _failures(settings, engine) == 0, "nobody has noted it"
    _run(
        settings,
        engine,
        "update raw._build_number set number = number + 1",
        "insert into raw._written select 'marts.fct_login', number, 'login_id', workspace_id, login_id"
        " from raw._build_number, (select * from marts.fct_login order by login_id limit 1) as row",
    )
    assert [_failures(settings, engine) for _ in range(2)] == [1, 1], "it has not passed"
    _run(settings, engine, "delete from raw._written", "insert into raw._written (relation, number)"
         " select 'marts.fct_login', number from raw._build_number")  # fmt: skip
    assert _failures(settings, engine) == 1, "it was made anew"


def _failures(settings: Settings, engine: str) -> int:
    return _test(settings, engine, "fct_login,test_name:unique_combination").failures


def _test(settings: Settings, engine: str, select: str) -> dbt.Node:
    (test,) = [node for node in dbt.run("test", settings, engine=engine, select=[select]) if node.kind == "test"]
    return test


def _run(settings: Settings, engine: str, *statements: str) -> None:
    with open_engine(engine, settings) as session:
        for statement in statements:
            session.connection.execute(statement)  # type: ignore[attr-defined]
