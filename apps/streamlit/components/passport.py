"""The passport of what is shown: which version, as of when, which gates it passed, and a warning when it is old.

Belongs here: the header of every page. Does not belong here: filters, the page itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import streamlit as st

from apps.streamlit.components import data, formats
from apps.streamlit.components.page import Clock, Page
from nexus.errors import NexusError
from warehouse.versions import Version

#: A version that was published longer ago than this is called stale.
STALE_AFTER = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class Passport:
    """What is known of the version; without the ledger only its number."""

    version: int
    published_at: datetime | None
    passed: int
    gates: int
    refused: Version | None
    ledger: bool

    def stale(self, now: datetime) -> bool:
        return self.published_at is not None and now - self.published_at > STALE_AFTER


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def issue(version: int) -> Passport:
    """The passport of a version; a ledger that does not answer makes it shorter, not impossible."""
    try:
        known = data.all_versions(version, str(data.settings().home))
    except (NexusError, psycopg.Error, OSError):
        return Passport(version, None, 0, 0, None, ledger=False)
    mine = next((v for v in known if v.version == version), None)
    newer = [v for v in known if v.version > version and v.status in {"refused", "failed"}]
    gates = mine.gates if mine else []
    return Passport(
        version,
        mine.published_at if mine else None,
        sum(bool(gate.get("passed")) for gate in gates),
        len(gates),
        newer[0] if newer else None,
        ledger=True,
    )


def header(page: Page, clock: Clock | None, passport: Passport) -> None:
    """Title, question, passport."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="header"):
        with st.container(width=620, gap=None):
            st.title(page.title, anchor=False)
            st.caption(page.question)
        _badge(clock, passport)


def warnings(passport: Passport) -> None:
    """What a reader must know before believing a number."""
    moment = now()
    if passport.stale(moment):
        st.warning(
            f"This version was published {formats.ago(passport.published_at, moment)}; newer data may have landed since. "
            "Bring it up to date with `nexus build`.",
            icon=":material/schedule:",
        )
    if passport.refused is not None:
        reason = (passport.refused.reason or "no reason was recorded").split(";")[0]
        st.warning(
            f"Version v{passport.refused.version} was {passport.refused.status} and is not shown: {formats.md(reason)}. "
            f"v{passport.version} goes on serving; details under Data health.",
            icon=":material/gpp_maybe:",
        )


def _badge(clock: Clock | None, passport: Passport) -> None:
    moment = now()
    label = f"v{passport.version}"
    if clock:
        label += f" · data as of {formats.day(clock.as_of.date())}"
    good = passport.passed == passport.gates and not passport.stale(moment)
    if passport.gates:
        label += f" · {passport.passed}/{passport.gates} gates"
    with st.popover(label, icon=":material/verified:" if good else ":material/schedule:", key="passport"):
        st.markdown("**Where these numbers come from**")
        lines = [f"Published version **v{passport.version}**"]
        if passport.published_at:
            lines.append(
                f"published {formats.instant(passport.published_at)} ({formats.ago(passport.published_at, moment)})"
            )
        if clock:
            lines.append(f"data as of {formats.instant(clock.as_of)}")
            lines.append(f"last complete day {formats.day(clock.last)}")
        if passport.ledger:
            lines.append(
                f"{passport.passed} of {passport.gates} quality gates passed"
                if passport.gates
                else "no gates recorded for it"
            )
        else:
            lines.append("the ledger does not answer, so its gates are unknown (`nexus doctor`)")
        st.markdown("\n".join(f"- {line}" for line in lines))
        st.caption(f'All times are UTC. The same answer later: `nexus sql --as-of v{passport.version} "…"`')
