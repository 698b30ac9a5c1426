"""A live source over real sockets that misbehaves in every way at once, while the pull is killed: nothing skipped or twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import yaml

from nexus.connections import folder
from nexus.errors import ContractError, MachineError, ProviderError
from nexus.settings import Settings
from tests import homes
from tests.faults.provider import PER_PAGE, Handler, Provider
from tests.faults.shared import Ended, Zygote
from tests.faults.test_ingest import assert_tidy
from warehouse import ledger

PAGES = 12


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider(PAGES)
    yield made
    made.shutdown()
    made.server_close()


def connect(settings: Settings, provider: Provider) -> None:
    path = folder(settings) / "acme.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"api_key": "env:TEST_STRIPE_KEY", "api_base": provider.address, "streams": ["customer"]}
    path.write_text(yaml.safe_dump({"stripe": options}))


def pull(zygote: Zygote, settings: Settings, **how: str) -> Ended:
    env = {"TEST_STRIPE_KEY": "sk_test_1"}
    return zygote.run(settings, "sources", "pull", "stripe", "--workspace", "acme", env=env, **how)  # type: ignore[arg-type]


def landed(settings: Settings) -> list[str]:
    import duckdb

    with ledger.connect(settings) as connection:
        parts = [str(p.path) for p in ledger.parts(connection, settings, "stripe", "customer")]
    if not parts:
        return []
    return [r[0] for r in duckdb.sql(f"select id from read_parquet({parts}) order by 1").fetchall()]


def troubles(number: int, handler: Handler) -> bool:
    """Every other answer is of use."""
    match number % 8:
        case 1:
            handler.answer(500, {"error": {"message": "broken"}})
        case 3:
            handler.half()
        case 5:
            handler.answer(429, {"error": {"message": "slowly"}}, **{"Retry-After": "0"})
        case 7:
            handler.hang_up()
        case _:
            return False
    return True


def test_every_trouble_and_kill_at_once(home: Settings, zygote: Zygote, provider: Provider) -> None:
    connect(home, provider)
    provider.trouble = troubles
    for step in ("page", "staged", "renamed"):
        done = pull(zygote, home, die_at=step)
        assert done.was_killed, f"{step}: {done.said}"
        assert len(landed(home)) == len(set(landed(home)))
    done = pull(zygote, home)
    assert done.code == 0, done.said
    assert landed(home) == provider.ids
    assert_tidy(home)


def test_failing_at_page_seven_keeps_six(home: Settings, zygote: Zygote, provider: Provider) -> None:
    connect(home, provider)

    def refuse(number: int, handler: Handler) -> bool:
        if number >= 7:
            handler.answer(503, {"error": {"message": "down for repair"}}, **{"Retry-After": "0"})
        return number >= 7

    provider.trouble = refuse
    done = pull(zygote, home)
    assert done.code == ProviderError.exit_code, done.said
    assert "Stripe answered 503" in done.said
    assert "Traceback" not in done.said
    assert landed(home) == provider.ids[: 6 * PER_PAGE]
    provider.trouble, asked = lambda *_: False, provider.count
    assert pull(zygote, home).code == 0
    assert landed(home) == provider.ids
    assert provider.count - asked == PAGES - 6, "what had landed is not asked for again"


def test_a_type_that_changes_half_way(home: Settings, zygote: Zygote, provider: Provider) -> None:
    provider.customers = [
        {**c, "created": "soon" if n >= 4 else c["created"]} for n, c in enumerate(provider.customers)
    ]
    connect(home, provider)
    done = pull(zygote, home)
    assert done.code == ContractError.exit_code, done.said
    assert "has changed its type" in done.said
    assert landed(home) == []
    provider.customers = [{**c, "created": 1_700_000_000 - n} for n, c in enumerate(provider.customers)]
    assert pull(zygote, home).code == 0
    assert landed(home) == provider.ids


@pytest.mark.long
def test_postgres_killed_during_a_pull(zygote: Zygote, provider: Provider) -> None:
    settings = homes.make("faults")
    with contextlib.ExitStack() as stack:
        stack.callback(homes.discard, settings)
        connect(settings, provider)
        done = pull(zygote, settings, die_at="staged", victim="postgres")
        assert done.code == MachineError.exit_code, done.said
        assert "PostgreSQL went away" in done.said
        assert "Traceback" not in done.said
        assert pull(zygote, settings).code == 0
        assert landed(settings) == provider.ids
