"""Campaign arms: intervals and the sentence that names a winner, or says that there is none."""

from __future__ import annotations

import pytest

from apps.streamlit.reads.email import Rate, p_value, verdict


def test_wilson_interval() -> None:
    # Newcombe (1998), table I: 81 of 263
    low, high = Rate("a", 81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert Rate("a", 0, 20).interval[0] == pytest.approx(0, abs=1e-12)
    assert Rate("a", 0, 0).interval == (0.0, 1.0)


def test_a_clear_difference_has_a_winner() -> None:
    state, sentence = verdict([Rate("plain", 200, 2000), Rate("bold", 320, 2000)], "click rate")
    assert state == "winner"
    assert "“bold” wins" in sentence
    assert "6.0 points" in sentence


def test_chance_is_called_chance() -> None:
    state, sentence = verdict([Rate("plain", 200, 2000), Rate("bold", 210, 2000)], "click rate")
    assert state == "none"
    assert sentence.startswith("No winner")


def test_more_arms_need_more_certainty() -> None:
    pair = [Rate("a", 200, 2000), Rate("b", 240, 2000)]
    assert verdict(pair, "x")[0] == "winner"
    assert verdict([*pair, Rate("c", 200, 2000)], "x")[0] == "none"


def test_few_recipients_are_not_compared() -> None:
    assert verdict([Rate("a", 1, 20), Rate("b", 9, 2000)], "x")[0] == "thin"
    assert verdict([Rate("a", 1, 2000)], "x")[0] == "thin"


def test_equal_shares_are_no_evidence() -> None:
    assert p_value(Rate("a", 0, 500), Rate("b", 0, 500)) == 1.0
    assert p_value(Rate("a", 50, 500), Rate("b", 50, 500)) == pytest.approx(1.0)
