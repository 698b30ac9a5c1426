"""The life of accounts that pay by card: trial, periods, changes of plan, leaving and coming back.

Belongs here: the order of what happens to a subscription. How likely it is stands in decisions, collecting money in
collection, drawing up invoices in invoicing.
"""

from __future__ import annotations

from dataclasses import replace

from nexus.demo.catalog import ADDON, PRICES, SEAT_TIERS, Price
from nexus.demo.options import DAY, Options, add_months
from nexus.demo.rand import Streams
from nexus.demo.world.accounts import Accounts
from nexus.demo.world.collection import Collector
from nexus.demo.world.decisions import Mind
from nexus.demo.world.invoicing import Biller
from nexus.demo.world.ledger import Attempt, Change, Churn, Invoice, Item, Ledger, Subscription

TRIAL_DAYS = 14
_NEVER = 2**62


class CardLife:
    """Tells the life of one account from sign-up to the end of the window."""

    def __init__(
        self, options: Options, streams: Streams, accounts: Accounts, account: int, ledger: Ledger, mind: Mind
    ):
        self._ids, self._ledger, self._mind, self._account = streams, ledger, mind, account
        self._end = options.end
        self._accounts = accounts
        self._currency = accounts.currency(account)
        self._offset = accounts.place(account).utc_offset
        self._collector = Collector(streams, ledger, mind, account, self._currency, options.end)
        self._biller = Biller(streams, ledger, account, self._currency, accounts.place(account).tax_percent)
        self._sub: Subscription
        self._tier = SEAT_TIERS[accounts.tier[account]]
        self._interval = "year" if accounts.is_annual[account] else "month"
        self._seats = int(accounts.seats[account])
        self._units = 0

    def live(self) -> None:
        at = int(self._accounts.signed_up_at[self._account]) + self._mind.between(90, 1800)
        left = self._subscribe(at, trial=bool(self._accounts.trials[self._account]))
        while left is not None and left < self._end:
            back = self._comes_back(left)
            if back is None or back >= self._end:
                return
            left = self._subscribe(back, trial=False)

    def _comes_back(self, left: int) -> int | None:
        paid = any(c.mrr for c in self._sub.changes)
        involuntary = paid and self._sub.changes[-1].reason == "payment_failed"
        if not self._mind.chance(0.22 if involuntary else 0.07 if paid else 0.05):
            return None
        return left + self._mind.between(12 * DAY, 110 * DAY)

    # One subscription

    def _subscribe(self, at: int, trial: bool) -> int | None:
        """Lives one subscription; returns when it ended, or None if it is still there when the window closes."""
        if at >= self._end:
            return None
        self._sub = sub = Subscription(self._ids.next_id("sub_1", 23), self._account, at, at)
        self._ledger.subscriptions.append(sub)
        self._items = self._make_items(at)
        self._collector.new_card(at)
        ended = self._try_out(at) if trial else self._start_paying(at)
        if ended is None and sub.changes[-1].status == "active":
            ended = self._run()
        self._note_access(ended)
        return ended

    def _make_items(self, at: int) -> tuple[Item, ...]:
        seat = Item(self._ids.next_id("si_", 14), self._price(self._tier), self._seats, at)
        addon = (Item(self._ids.next_id("si_", 14), self._price(ADDON), self._units, at),) if self._units else ()
        return (seat, *addon)

    def _price(self, tier: str) -> Price:
        return PRICES[tier, self._currency, self._interval]

    def _change(self, at: int, kind: str, **new: object) -> Change | None:
        """Records the next state; None if it would lie after the window. Times of one subscription strictly rise."""
        if self._sub.changes:
            last = self._sub.changes[-1]
            at = max(at, last.at + 1)
            change = replace(last, at=at, kind=kind, **new)  # type: ignore[arg-type]
        else:
            change = Change(at=at, kind=kind, **new)  # type: ignore[arg-type]
        if at >= self._end:
            return None
        self._sub.changes.append(change)
        return change

    def _try_out(self, at: int) -> int | None:
        sub, mind = self._sub, self._mind
        sub.trial_start, sub.trial_end = at, at + TRIAL_DAYS * DAY
        sub.anchor = sub.trial_end
        invoice = self._biller.trial(sub, self._items, at, sub.trial_end)
        self._change(
            at,
            "created",
            status="trialing",
            items=self._items,
            period_start=at,
            period_end=sub.trial_end,
            latest_invoice=invoice.id,
        )
        if mind.converts(at + 6 * DAY):
            return None if sub.trial_end >= self._end else self._renew(sub.trial_end)
        if mind.chance(0.25):
            asked = at + mind.between(2 * DAY, 12 * DAY)
            self._change(
                asked,
                "updated",
                cancel_at_period_end=True,
                canceled_at=asked,
                reason="cancellation_requested",
                feedback=mind.reason(at),
            )
        elif mind.chance(0.1):
            return self._pause(sub.trial_end)
        return self._delete(sub.trial_end, None)

    def _pause(self, at: int) -> int | None:
        """The trial ended without a card on file: paused until they add one, or for ever."""
        self._change(at, "paused", status="paused", period_start=at, period_end=add_months(at, self._sub.anchor, 1))
        back = at + self._mind.between(2 * DAY, 25 * DAY)
        if not self._mind.chance(0.5) or back >= self._end:
            return None
        self._sub.anchor = back
        self._collector.new_card(back - 60)
        invoice = self._biller.period(self._sub, self._items, back, self._period_end(0), "subscription_update", back)
        self._change(
            back,
            "resumed",
            status="active",
            period_start=back,
            period_end=self._period_end(0),
            latest_invoice=invoice.id,
        )
        return self._settle(invoice)

    def _start_paying(self, at: int) -> int | None:
        """Bought without a trial: the first payment decides."""
        invoice = self._biller.period(self._sub, self._items, at, self._period_end(0), "subscription_create", at)
        first = self._collector.charge(invoice.total, at)
        invoice.attempts.append(first)
        self._change(
            at,
            "created",
            status="active" if first.succeeded else "incomplete",
            items=self._items,
            period_start=at,
            period_end=self._period_end(0),
            latest_invoice=invoice.id,
        )
        if first.succeeded:
            return None
        again = at + self._mind.between(600, 20 * 3600)
        if again < self._end and self._mind.chance(0.7):
            self._collector.new_card(again - 30, is_long_lived=True)
            second = self._collector.charge(invoice.total, again)
            invoice.attempts.append(second)
            if second.succeeded:
                self._change(again, "updated", status="active")
                return None
        expired = self._change(at + 23 * 3600, "updated", status="incomplete_expired", ended_at=at + 23 * 3600)
        invoice.written_off_at = expired.at if expired else None
        return expired.at if expired else None

    # Periods

    def _period_end(self, cycle: int) -> int:
        months = 12 if self._interval == "year" else 1
        return add_months(0, self._sub.anchor, months * (cycle + 1))

    def _cycle_after(self, at: int) -> int:
        cycle = 0
        while self._period_end(cycle) <= at:
            cycle += 1
        return cycle

    def _renew(self, at: int, items: tuple[Item, ...] | None = None) -> int | None:
        """A new period begins at `at`: roll, invoice, collect. Returns when it ended, if collecting failed for good."""
        self._items = items or self._items
        end = self._period_end(self._cycle_after(at))
        invoice = self._biller.period(self._sub, self._items, at, end, "subscription_cycle", at + 3600)
        self._change(
            at,
            "updated",
            status="active",
            items=self._items,
            period_start=at,
            period_end=end,
            latest_invoice=invoice.id,
        )
        first_at = invoice.finalized_at + self._mind.between(20, 600)
        if first_at >= self._end:
            return None
        invoice.attempts.append(self._collector.charge(invoice.total, first_at))
        return self._settle(invoice)

    def _settle(self, invoice: Invoice) -> int | None:
        if not invoice.attempts:
            at = invoice.finalized_at + 2
            if at >= self._end:
                return None
            invoice.attempts.append(self._collector.charge(invoice.total, at))
        first = invoice.attempts[-1]
        if first.succeeded:
            return None
        self._change(first.at + 1, "updated", status="past_due")
        retries = self._collector.retries(first)
        invoice.attempts += retries
        last = invoice.attempts[-1]
        if last.succeeded:
            self._change(last.at + 1, "updated", status="active")
            return None
        if len(retries) < 3:
            return None
        invoice.written_off_at = last.at + 2 if last.at + 2 < self._end else None
        if self._mind.chance(0.15):
            self._change(last.at + 1, "updated", status="unpaid")
            return self._delete(last.at + 21 * DAY, "payment_failed")
        return self._delete(last.at + 1, "payment_failed")

    def _run(self) -> int | None:
        while True:
            period = self._sub.changes[-1]
            ended = self._decide(period.at, min(period.period_end, self._end) - 3600)
            at = self._sub.changes[-1].period_end
            if ended is not None or at >= self._end:
                return ended
            if self._sub.changes[-1].status != "active":
                return None
            if self._sub.changes[-1].cancel_at_period_end:
                return self._delete(at, None)
            ended = self._renew(at, self._terms_at_renewal(at))
            if ended is not None or self._sub.changes[-1].status != "active":
                return ended

    def _decide(self, after: int, before: int) -> int | None:
        mind = self._mind
        for at in mind.weeks(after + 3600, before, self._offset):
            state = self._sub.changes[-1]
            if at <= state.at:
                continue
            if state.cancel_at_period_end:
                if mind.chance(0.05):
                    self._change(
                        at, "updated", cancel_at_period_end=False, canceled_at=None, reason=None, feedback=None
                    )
                continue
            if self._interval == "year" and state.period_end - at > 75 * DAY:
                wants_out = False
            else:
                eager = 2 if self._interval == "year" else 1
                trouble = sum(1 for f in self._collector.failures if 0 < at - f < 60 * DAY)
                tenure = (at - self._sub.created_at) / DAY
                wants_out = any(mind.leaves(at, tenure, trouble) for _ in range(eager))
            if wants_out:
                if mind.chance(0.2):
                    self._refund_last(at)
                    return self._delete(at, "cancellation_requested")
                self._change(
                    at,
                    "updated",
                    cancel_at_period_end=True,
                    canceled_at=at,
                    reason="cancellation_requested",
                    feedback=mind.reason(at),
                )
            elif mind.grows(at):
                self._grow(at)
        return None

    def _refund_last(self, at: int) -> None:
        paid = [a for i in self._ledger.invoices if i.subscription == self._sub.id for a in i.attempts if a.succeeded]
        if paid and at - paid[-1].at < 20 * DAY and self._mind.chance(0.4):
            self._collector.refund(
                paid[-1], at + self._mind.between(600, 86_400), paid[-1].amount, "requested_by_customer"
            )

    def _grow(self, at: int) -> None:
        """More seats, a better plan or an archive; the difference for the rest of the period is due at once."""
        before, mind = self._items, self._mind
        kind = mind.rng.random()
        if kind < 0.72:
            self._seats += max(1, round(self._seats * (0.1 + 0.3 * mind.rng.random())))
        elif kind < 0.87 and self._tier != "business":
            self._tier = SEAT_TIERS[SEAT_TIERS.index(self._tier) + 1]
        else:
            self._units += 1
        after = (replace(before[0], price=self._price(self._tier), quantity=self._seats), *before[1:])
        if self._units:
            addon = before[1].id if len(before) > 1 else self._ids.next_id("si_", 14)
            made = before[1].created_at if len(before) > 1 else at
            after = (after[0], Item(addon, self._price(ADDON), self._units, made))
        state = self._sub.changes[-1]
        invoice = self._biller.proration(self._sub, before, after, at, state.period_start, state.period_end)
        self._items = after
        self._change(at, "updated", items=after, latest_invoice=invoice.id if invoice else state.latest_invoice)
        if invoice:
            attempt: Attempt | None = self._collector.charge(invoice.total, at + 2)
            if attempt and not attempt.succeeded:
                # a refused difference does not stop the service: they pay it by another card within the hour
                self._collector.new_card(at + 600, is_long_lived=True)
                invoice.attempts.append(attempt)
                attempt = self._until_paid(invoice, at + 700)
            if attempt:
                invoice.attempts.append(attempt)

    def _until_paid(self, invoice: Invoice, at: int) -> Attempt | None:
        while at < self._end:
            attempt = self._collector.charge(invoice.total, at)
            if attempt.succeeded:
                return attempt
            invoice.attempts.append(attempt)
            at += 7200
        return None

    def _terms_at_renewal(self, at: int) -> tuple[Item, ...] | None:
        """Fewer seats, a smaller plan, no archive, or a year instead of a month: takes effect with the new period."""
        mind, before = self._mind, (self._tier, self._seats, self._units, self._interval)
        if mind.shrinks(at):
            if self._units and mind.chance(0.3):
                self._units -= 1
            elif self._seats > 1:
                self._seats = max(1, int(self._seats * (0.5 + 0.4 * mind.rng.random())))
            elif self._tier != "starter":
                self._tier = SEAT_TIERS[SEAT_TIERS.index(self._tier) - 1]
        elif self._interval == "month" and mind.health(at) > 0.3 and mind.chance(0.015):
            self._interval = "year"
            self._sub.anchor = at
        if before == (self._tier, self._seats, self._units, self._interval):
            return None
        seat = replace(self._items[0], price=self._price(self._tier), quantity=self._seats)
        if not self._units:
            return (seat,)
        return (seat, replace(self._items[1], price=self._price(ADDON), quantity=self._units))

    def _delete(self, at: int, reason: str | None) -> int | None:
        last = self._sub.changes[-1]
        asked = last.canceled_at if last.cancel_at_period_end else at
        change = self._change(
            at,
            "deleted",
            status="canceled",
            canceled_at=asked,
            ended_at=max(at, last.at + 1),
            cancel_at_period_end=last.cancel_at_period_end,
            reason=reason or last.reason or "cancellation_requested",
            feedback=last.feedback if last.feedback or reason == "payment_failed" else self._mind.reason(at),
        )
        if change is None:
            return None
        if any(c.mrr for c in self._sub.changes):
            why = "involuntary" if change.reason == "payment_failed" else "voluntary"
            self._ledger.churns.append(Churn(self._account, change.at, why))
        return change.at

    def _note_access(self, ended: int | None) -> None:
        changes = self._sub.changes
        for state, following in zip(changes, [*changes[1:], None], strict=True):
            until = following.at if following else self._end
            if state.status in ("trialing", "active", "past_due") and until > state.at:
                self._ledger.access.append((self._account, state.at, until, state.items[0].quantity))
