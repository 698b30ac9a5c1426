"""The rules of an attempt: schedule, Retry-After, what is kept of an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from api.webhooks import outcome

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@given(st.integers(1, len(outcome.SCHEDULE) - 1), st.none() | st.timedeltas(timedelta(0), outcome.LONGEST))
def test_a_pause_is_never_shorter_than_the_schedule_or_what_was_asked_for(step: int, asked: timedelta | None) -> None:
    found = outcome.pause(step, asked)
    assert found is not None
    assert found >= max(outcome.SCHEDULE[step], asked or timedelta(0))
    assert found <= max(outcome.SCHEDULE[step] * 1.2, asked or timedelta(0))


def test_the_schedule_lasts_for_days_and_ends() -> None:
    assert timedelta(days=3) < sum(outcome.SCHEDULE, timedelta(0)) < outcome.FAILING_FOR
    assert outcome.pause(len(outcome.SCHEDULE), timedelta(hours=1)) is None


@settings(max_examples=50, deadline=None)
@given(st.text() | st.integers().map(str) | st.datetimes().map(lambda d: d.strftime("%a, %d %b %Y %H:%M:%S GMT")))
def test_whatever_a_receiver_says_is_a_time_within_a_day_or_nothing(said: str) -> None:
    found = outcome.retry_after({"retry-after": said}, NOW)
    assert found is None or timedelta(0) <= found <= outcome.LONGEST


def test_both_forms_of_retry_after_are_read() -> None:
    for said, seconds in (
        ("120", 120),
        (" 5 ", 5),
        ("Sat, 31 Jan 2026 12:01:00 GMT", 60),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
    ):
        assert outcome.retry_after({"retry-after": said}, NOW) == timedelta(seconds=seconds)
    for said in ("", "soon", "1.5", "-1", "٣"):
        assert outcome.retry_after({"retry-after": said}, NOW) is None


@given(st.binary())
def test_what_is_kept_of_an_answer_can_be_kept_and_shown(body: bytes) -> None:
    kept = outcome.excerpt(body)
    assert len(kept) <= outcome.EXCERPT
    assert all(c.isprintable() or c in "\n\t" for c in kept)
