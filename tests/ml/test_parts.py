"""The small parts: splits, calibration, the compiled booster, bundles, reasons, OpenMP."""

from __future__ import annotations

import ctypes
import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.lib import calibrate, openmp, reasons, scorer, split
from ml.lib.booster import Booster

DAY = np.timedelta64(1, "D")


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(st.integers(0, 700), min_size=1, max_size=30, unique=True),
    horizon=st.integers(1, 120), tests=st.integers(1, 5), calibration=st.integers(1, 3),
)  # fmt: skip
def test_nothing_is_learned_that_was_not_known_then(
    days: list[int], horizon: int, tests: int, calibration: int
) -> None:
    moments = np.datetime64("2025-01-01", "us") + np.array(sorted(days)) * DAY
    ahead = np.timedelta64(horizon, "D")
    for fold in split.rolling(moments, timedelta(days=horizon), tests, calibration, minimum=1):
        assert fold.train
        assert fold.calibrate
        assert max(fold.calibrate) + ahead <= fold.test[0]
        assert max(fold.train) + ahead <= min(fold.calibrate)
    last = split.final(moments, timedelta(days=horizon), calibration)
    assert max(last.calibrate) == moments.max()
    assert not last.train or max(last.train) + ahead <= min(last.calibrate)


def test_sigmoid_calibration_finds_the_truth() -> None:
    random = np.random.default_rng(1)
    margin = random.normal(-2, 1.5, 20_000)
    y = (random.random(20_000) < calibrate.sigmoid(0.7 * margin - 0.4)).astype(float)
    few = slice(0, 3000)
    fitted = calibrate.fit(margin[few], y[few])
    assert fitted.kind == "sigmoid"
    assert (fitted.a, fitted.b) == (pytest.approx(0.7, abs=0.15), pytest.approx(-0.4, abs=0.25))
    many = calibrate.fit(margin, y)
    assert many.kind == "isotonic"
    assert abs(many(margin).mean() - y.mean()) < 0.005
    assert (np.diff(many(np.sort(margin))) >= 0).all()


def test_calibration_never_turns_a_ranking_over() -> None:
    margin = np.linspace(-3, 3, 200)
    fitted = calibrate.fit(margin, (margin < 0).astype(float))
    assert fitted.a > 0


@pytest.fixture(scope="module")
def boosted() -> tuple[object, np.ndarray]:
    import lightgbm

    random = np.random.default_rng(2)
    rows = random.normal(size=(1500, 6))
    rows[random.random(rows.shape) < 0.05] = np.nan
    y = (np.nan_to_num(rows[:, 0] * rows[:, 1]) + random.normal(size=1500) > 0).astype(float)
    params = {"objective": "binary", "verbose": -1, "num_leaves": 12, "num_threads": 1}
    return lightgbm.train(params, lightgbm.Dataset(rows, y), 40), rows


def test_the_compiled_booster_equals_lightgbms_own(boosted: tuple[object, np.ndarray]) -> None:
    theirs, rows = boosted
    ours = Booster(theirs.model_to_string())  # type: ignore[attr-defined]
    expected = theirs.predict(rows, raw_score=True)  # type: ignore[attr-defined]
    np.testing.assert_allclose(ours.margins(rows), expected, atol=1e-9)
    np.testing.assert_allclose([ours.margin_of(r) for r in rows[:200]], expected[:200], atol=1e-9)
    parts = ours.contributions(rows[:50])
    np.testing.assert_allclose(parts, theirs.predict(rows[:50], pred_contrib=True), atol=1e-9)  # type: ignore[attr-defined]
    np.testing.assert_allclose(parts.sum(axis=1), expected[:50], atol=1e-9)
    assert ours.margin_of((None, *rows[0][1:])) == ours.margin_of([np.nan, *rows[0][1:]])


def test_the_booster_is_safe_among_threads(boosted: tuple[object, np.ndarray]) -> None:
    theirs, rows = boosted
    ours = Booster(theirs.model_to_string())  # type: ignore[attr-defined]
    expected = ours.margins(rows)
    wrong: list[int] = []

    def ask(offset: int) -> None:
        wrong.extend(i for i in range(offset, 1500, 4) if ours.margin_of(rows[i]) != expected[i])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_rows_of_another_width_are_refused(boosted: tuple[object, np.ndarray]) -> None:
    theirs, rows = boosted
    with pytest.raises(ValueError, match="6 features"):
        Booster(theirs.model_to_string()).margins(rows[:, :4])  # type: ignore[attr-defined]


def test_bundles_come_back_as_they_were(boosted: tuple[object, np.ndarray], tmp_path: Path) -> None:
    theirs, rows = boosted
    names = [f"f{i}" for i in range(6)]
    fitted = calibrate.Calibration("isotonic", x=(-2.0, 0.0, 2.0), y=(0.01, 0.2, 0.9))
    trees = scorer.Boosted(theirs.model_to_string(), names, [0.0] * 5 + [float("nan")], fitted)  # type: ignore[attr-defined]
    line = scorer.Linear(["f1", "f4"], [0.1, 0.2], [1.0, 2.0], [0.5, -1.0], -2.0, names, [0.0] * 6)
    for made in (trees, line):
        made.save(tmp_path / made.kind)
        again = scorer.load(tmp_path / made.kind)
        np.testing.assert_array_equal(again.scores(rows), made.scores(rows))
        np.testing.assert_array_equal(again.contributions(rows), made.contributions(rows))
        assert again.score(rows[3].tolist()) == pytest.approx(made.scores(rows)[3], abs=1e-12)
    assert {p.suffix for p in tmp_path.rglob("*") if p.is_file()} == {".json", ".txt"}


def test_linear_contributions_add_up() -> None:
    line = scorer.Linear(["b"], [0.0], [1.0], [2.0], -1.0, ["a", "b"], [0.0, 0.0])
    rows = np.array([[5.0, 3.0], [5.0, np.nan]])
    np.testing.assert_allclose(line.contributions(rows).sum(axis=1) - 1.0, line.margins(rows))
    assert line.margins(rows)[1] == -1.0


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("login_trend_pct", -42.4, "-42 %"),
        ("mrr_minor", 123456.0, "1,234.56"),
        ("storage_bytes", 2_500_000_000.0, "2.5 GB"),
        ("egress_bytes_30d", 12.0, "12 B"),
        ("is_past_due", 1.0, "yes"),
        ("currency_is_usd", 0.0, "no"),
        ("logins_30d", 12.0, "12"),
        ("tenure_days", 400.0, "400 days"),
        ("logins_30d", float("nan"), "unknown"),
    ],
)
def test_values_are_worded_by_their_unit(feature: str, value: float, words: str) -> None:
    assert reasons.wording(feature, value) == words


def test_reasons_name_the_strongest_first_and_say_the_direction() -> None:
    found = reasons.top(
        ["a_pct", "logins_30d", "is_past_due", "idle"], [5.0, 3.0, 1.0, 0.0], np.array([0.1, -0.7, 0.4, 0.0]),
        [6.0, 40.0, 0.0, 0.0], {"logins_30d": "logins in 30 days"}, count=4,
    )  # fmt: skip
    assert [r.feature for r in found] == ["logins_30d", "is_past_due", "a_pct"]
    assert found[0].text == "logins in 30 days: 3 (usual: 40) lowers the risk"
    assert found[1].text == "is past due: yes raises the risk"


@pytest.mark.skipif(openmp.ensure() == "not needed", reason="only Linux needs it")
def test_the_wheels_openmp_can_stand_in(tmp_path: Path) -> None:
    made = openmp.renamed(openmp.carried(), tmp_path)
    assert openmp.carried().name.encode() not in made.read_bytes()
    assert ctypes.CDLL(str(made)).omp_get_max_threads() >= 1
