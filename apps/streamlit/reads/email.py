"""What E-mail asks: the funnel by campaign, arms with intervals, domains. People and machines are never mixed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import polars as pl

from apps.streamlit.components.page import View

_COUNTS = """
    count(*) filter (where not is_holdout) as sent,
    count(*) filter (where is_delivered) as delivered,
    count(*) filter (where is_opened_human) as opened,
    count(*) filter (where is_opened_machine and not is_opened_human) as opened_machine,
    count(*) filter (where is_clicked_human) as clicked,
    count(*) filter (where is_clicked_scanner and not is_clicked_human) as clicked_scanner,
    count(*) filter (where is_bounced_hard) as bounced_hard,
    count(*) filter (where is_bounced_soft) as bounced_soft,
    count(*) filter (where is_complained) as complained,
    count(*) filter (where is_unsubscribed) as unsubscribed
"""


def totals(view: View, category: str) -> dict[str, int]:
    """The funnel of the period."""
    rows = view.read(f"select {_COUNTS} from marts.fct_email_message {_where(category)}", category=category)
    return {name: int(value or 0) for name, value in rows.row(0, named=True).items()}


def campaigns(view: View, category: str) -> pl.DataFrame:
    """One row per campaign, or per template of transactional mail where they have one."""
    name = (
        "coalesce(campaign_id, template_code, category)"
        if view.has("marts.fct_email_message", "template_code")
        else "coalesce(campaign_id, category)"
    )
    return view.read(
        f"""
        select {name} as campaign, any_value(category) as category, min(sent_at) as first_sent_at, {_COUNTS}
        from marts.fct_email_message {_where(category)}
        group by 1 order by first_sent_at desc, campaign
        """,
        category=category,
    )


def domains(view: View, category: str) -> pl.DataFrame:
    return view.read(
        f"""
        select coalesce(split_part(recipient_email, '@', 2), 'unknown') as domain, {_COUNTS}
        from marts.fct_email_message {_where(category)}
        group by 1 having count(*) filter (where not is_holdout) > 0 order by sent desc, domain
        """,
        category=category,
    )


def arms(view: View) -> pl.DataFrame:
    """Campaigns of the period with at least two arms: recipients, people who opened, clicked, converted."""
    return view.read(
        """
        select
            campaign_id as campaign, arm_code as arm, bool_or(is_holdout) as is_holdout, count(*) as recipients,
            count(*) filter (where is_delivered) as delivered,
            count(*) filter (where is_opened_human) as opened, count(*) filter (where is_clicked_human) as clicked,
            count(*) filter (where is_visited) as visited, count(*) filter (where is_converted) as converted,
            max(sent_at) as sent_at
        from marts.fct_email_message
        where workspace_id = $workspace and arm_code is not null and campaign_id is not null
            and sent_date between $start and $end
        group by 1, 2
        qualify count(*) over (partition by campaign_id) > 1
        order by sent_at desc, campaign, arm
        """
    )


def _where(category: str) -> str:
    kind = "" if category == "all" else " and category = $category"
    return f"where workspace_id = $workspace and sent_date between $start and $end{kind}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % Wilson interval."""

    name: str
    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson (1927), z = 1.96; good for small shares, never outside 0 to 1."""
        if not self.of:
            return (0.0, 1.0)
        z, n, p = 1.959964, self.of, self.rate
        middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return ((middle - spread) / scale, (middle + spread) / scale)


Verdict = tuple[Literal["winner", "none", "thin"], str]


def verdict(rates: list[Rate], what: str) -> Verdict:
    """Who won, in words. A winner must beat every other arm with a two-sided z test at 5 % (Bonferroni)."""
    if len(rates) < 2 or any(rate.of < 100 for rate in rates):
        return "thin", "Too few recipients to compare: each arm needs at least 100."
    best, *rest = sorted(rates, key=lambda rate: -rate.rate)
    worst = max(p_value(best, other) for other in rest)
    limit = 0.05 / len(rest)
    if worst < limit:
        lift = (best.rate - rest[0].rate) * 100
        return "winner", f"“{best.name}” wins: {what} {lift:.1f} points above “{rest[0].name}” ({_p(worst)})."
    return "none", f"No winner: the difference in {what} can be chance ({_p(worst)}, needed below {limit:.3g})."


def p_value(a: Rate, b: Rate) -> float:
    """Two-sided z test of two shares with the pooled variance."""
    pooled = (a.hits + b.hits) / (a.of + b.of)
    variance = pooled * (1 - pooled) * (1 / a.of + 1 / b.of)
    if variance == 0:
        return 1.0
    return math.erfc(abs(a.rate - b.rate) / math.sqrt(2 * variance))


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
