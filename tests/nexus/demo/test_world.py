"""What a sceptic would ask of the world itself, before any format."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from nexus.demo import Options
from nexus.demo.names import companies, people
from nexus.demo.options import DAY, epoch
from nexus.demo.rand import Streams
from nexus.demo.world.company import Company, make_company
from nexus.demo.world.revenue import movements


@pytest.fixture(scope="module")
def company() -> Company:
    return make_company(Options(customers=500, months=14))


def test_expired_cards_are_refused_and_some_are_never_replaced(company: Company) -> None:
    refused = {a.id for _, _, a, _ in company.ledger.attempts() if a.failure and a.failure[0] == "expired_card"}
    assert refused
    whys = [c.why for c in company.ledger.churns]
    assert 0.1 < whys.count("involuntary") / len(whys) < 0.5
    recovered = [
        i
        for i in company.ledger.invoices
        if len(i.attempts) > 1 and not i.attempts[0].succeeded and i.attempts[-1].succeeded
    ]
    assert len(recovered) > 20


def test_use_falls_before_customers_leave_but_does_not_give_them_away(company: Company) -> None:
    """Rank of sign-ins per seat in the month before: better than chance by far, far from certain."""
    options, days = company.options, company.options.days
    account = company.users.account[company.logins.sessions["user"].to_numpy()]
    logins = np.zeros((len(company.accounts), days))
    np.add.at(logins, (account, (company.logins.sessions["at"].to_numpy() - options.start) // DAY), 1)
    moved = movements(company.accounts, company.ledger)
    paying = np.zeros((len(company.accounts), days), dtype=bool)
    churned: dict[int, list[int]] = {}
    for who, when, closing in moved.select("account", "movement_date", "closing_mrr_minor").iter_rows():
        paying[who, (epoch(when) - options.start) // DAY :] = closing > 0
        if closing == 0:
            churned.setdefault(who, []).append((epoch(when) - options.start) // DAY)
    use, left = [], []
    for day in range(120, days - 60, 15):
        for who in np.flatnonzero(paying[:, day] & paying[:, day - 30]).tolist():
            use.append(logins[who, day - 29 : day + 1].sum() / max(1, company.seats[who, day]))
            left.append(any(day < d <= day + 60 for d in churned.get(who, [])))
    rank = np.argsort(np.argsort(use)) + 1
    gone = np.array(left)
    auc = 1 - (rank[gone].sum() - gone.sum() * (gone.sum() + 1) / 2) / (gone.sum() * (~gone).sum())
    assert 0.65 < auc < 0.93


def test_work_follows_the_week_and_the_clock(company: Company) -> None:
    at = company.logins.sessions.select(pl.from_epoch("at"))["at"]
    by_day = at.dt.weekday().value_counts().sort("at")["count"].to_list()
    assert min(by_day[:5]) > 2.5 * max(by_day[5:])


def test_upgrades_bring_users_and_a_smaller_plan_takes_them_away(company: Company) -> None:
    present = [company.users.is_present(epoch(date(2026, 9, 1)) + day * DAY).sum() for day in (0, 30)]
    assert present[1] > present[0]
    assert (company.users.left_at < company.options.end).sum() > 20


def test_both_incidents_hit_the_same_user_in_the_last_month(company: Company) -> None:
    incidents = company.incidents
    assert incidents.victim is not None
    hit = incidents.attempts.filter("is_success")
    assert hit["user"].to_list() == [incidents.victim]
    assert company.options.end - 30 * DAY < hit["at"][0] < incidents.session_at < incidents.downloads["at"].min()


def test_names_are_unique_domains_and_never_end_in_a_real_one() -> None:
    streams = Streams(1)
    _, domains = companies(streams.get("a"), 20_000)
    assert len(set(domains)) == 20_000
    assert all(d.endswith(".example") for d in domains)
    given, family = people(streams.get("b"), 100)
    assert all(g.isalpha() and f.isalpha() for g, f in zip(given, family, strict=True))


def test_a_stream_is_not_disturbed_by_another() -> None:
    one, two = Streams(5), Streams(5)
    two.get("other").random(100)
    two.next_id("x_", 8)
    assert one.get("a").random() == two.get("a").random()
    assert one.get("a", 1).random() != one.get("a", 2).random()
