"""The states of a saga, under every order of outcomes and operators that hypothesis finds."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nexus.sagas import machine
from nexus.sagas.machine import Call, Progress, Shape

SHAPES = st.lists(st.builds(Shape, st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=6)


class Sagas(RuleBasedStateMachine):
    """Beside the machine stands what a world would see: which effects there are now."""

    @initialize(shapes=SHAPES)
    def begin(self, shapes: list[Shape]) -> None:
        self.shapes = shapes
        self.progress: Progress = machine.begin(shapes)
        self.effects: list[int] = []
        self.maybe: set[int] = set()
        self.skipped: set[int] = set()
        self.has_turned = False

    def goes(self) -> bool:
        return self.progress.state in {"running", "compensating"}

    def call(self) -> Call:
        call = machine.following(self.progress, self.shapes)
        assert call is not None
        return call

    @precondition(goes)
    @rule()
    def succeeds(self) -> None:
        call = self.call()
        if call.is_compensation:
            assert call.index in {*self.effects, *self.maybe}, "only what may have happened is undone"
            assert call.index == max(i for i in [*self.effects, *self.maybe] if self.shapes[i].has_compensation), (
                "the latest first"
            )
            self.effects = [i for i in self.effects if i != call.index]
            self.maybe.discard(call.index)
        else:
            assert call.index not in {*self.effects, *self.maybe}, "no step is taken twice"
            self.effects.append(call.index)
        self.progress = machine.succeeded(self.progress, self.shapes, call)

    @precondition(goes)
    @rule()
    def fails(self) -> None:
        call = self.call()
        before = self.progress
        self.progress = machine.failed(self.progress, self.shapes, call)
        if call.is_compensation:
            assert self.progress.state == "stuck"
            assert self.progress.steps == before.steps, "what could not be undone is still to be undone"
        elif any(self.shapes[i].is_final for i in self.effects):
            assert (self.progress.state, self.progress.is_back) == ("stuck", False)
        else:
            assert self.progress.is_back
            if self.shapes[call.index].is_outside:
                self.maybe.add(call.index)

    @precondition(lambda self: self.progress.state == "running")
    @rule()
    def is_no_longer_wanted(self) -> None:
        if any(self.shapes[i].is_final for i in self.effects):
            assert not machine.can_turn(self.progress, self.shapes)
            with pytest.raises(ValueError, match="cannot be turned"):
                machine.turn(self.progress, self.shapes)
        else:
            self.progress = machine.turn(self.progress, self.shapes)
            assert self.progress.is_back

    @precondition(lambda self: self.progress.state == "stuck")
    @rule(how=st.sampled_from(["retry", "skip", "abandon"]))
    def is_mended(self, how: str) -> None:
        at = machine.stuck_at(self.progress, self.shapes)
        assert at is not None
        if how == "retry":
            self.progress = machine.retry(self.progress)
            assert machine.following(self.progress, self.shapes) == at
        elif how == "skip":
            self.progress = machine.skip(self.progress, self.shapes)
            self.skipped.add(at.index)
            self.effects = [i for i in self.effects if i != at.index]
            self.maybe.discard(at.index)
        else:
            before = self.progress.steps
            self.progress = machine.abandon(self.progress)
            assert self.progress.steps == before

    @precondition(lambda self: self.progress.state != "stuck")
    @rule(how=st.sampled_from([machine.retry, machine.abandon]))
    def nothing_is_mended_that_is_not_stuck(self, how: object) -> None:
        with pytest.raises(ValueError, match="not stuck"):
            how(self.progress)  # type: ignore[operator]

    @invariant()
    def it_never_turns_round_twice(self) -> None:
        if not hasattr(self, "progress"):
            return
        assert not (self.has_turned and not self.progress.is_back), "back is back"
        self.has_turned = self.progress.is_back

    @invariant()
    def an_end_is_an_end(self) -> None:
        if not hasattr(self, "progress"):
            return
        state = self.progress.state
        if state == "succeeded":
            assert set(self.effects) | self.skipped == set(range(len(self.shapes)))
            assert self.effects == sorted(self.effects)
        if state == "compensated":
            left = {i for i in [*self.effects, *self.maybe] if self.shapes[i].has_compensation}
            assert not left, "nothing that could be undone is left"
        if state in machine.ENDED or state == "stuck":
            assert machine.following(self.progress, self.shapes) is None
        else:
            assert machine.following(self.progress, self.shapes) is not None


TestSagas = Sagas.TestCase
TestSagas.settings = settings(max_examples=40, stateful_step_count=25, deadline=None, derandomize=True)
