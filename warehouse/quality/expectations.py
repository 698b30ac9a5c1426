"""Great Expectations: suites made from contracts and rules, validated over small frames.

Belongs here: everything that touches Great Expectations, imported when first used (it costs ten seconds).
Does not belong here: what is promised (contract.py, rules.py) or how it is counted (the engine does).

Over DuckDB's SQLAlchemy dialect every expectation of this version fails, and a frame of a whole table is slow: the
engine counts, and the suites judge the counts. Counts without any violation are not brought before them: there is one
answer to that, tests hold that the suites give it, and importing the library takes longer than all gates of a small build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import great_expectations as gx


def contract_suite(relation: str) -> gx.ExpectationSuite:
    """Suite of a raw table's contract, over a frame with one row for each promise."""
    import great_expectations as gx
    from great_expectations import expectations as gxe

    _library()
    return gx.ExpectationSuite(
        name=f"{relation}.contract",
        expectations=[
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToBeInSet(column="violations", value_set=[0]),
        ],
    )


def rule_suite(relation: str, rules: Mapping[str, str]) -> gx.ExpectationSuite:
    """Suite of a mart's business rules, over a frame of one row with a column of violations for each rule."""
    import great_expectations as gx
    from great_expectations import expectations as gxe

    _library()
    return gx.ExpectationSuite(
        name=f"{relation}.rules",
        expectations=[
            gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[0], notes=description)
            for name, description in rules.items()
        ],
    )


def judge_promises(relation: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a contract's profile that the suite refuses."""
    if rows and not any(row["violations"] for row in rows):
        return []
    result = validate(contract_suite(relation), rows)
    row_count, violations = result.results
    if not row_count.success:
        return [{"column": "", "promise": "exists", "expected": "a table", "observed": "missing", "violations": 1}]
    return [dict(rows[index]) for index in violations.result.get("unexpected_index_list", [])]


def judge_rules(relation: str, counts: Mapping[str, int], descriptions: Mapping[str, str]) -> set[str]:
    """Names of the rules that the suite refuses."""
    if not any(counts.values()):
        return set()
    result = validate(rule_suite(relation, descriptions), [counts])
    return {r.expectation_config.kwargs["column"] for r in result.results if not r.success}


def validate(suite: gx.ExpectationSuite, rows: Iterable[Mapping[str, Any]]) -> Any:
    """What the library says of `rows`."""
    import pandas

    batch = _library()["definition"].get_batch({"dataframe": pandas.DataFrame(list(rows))})
    return batch.validate(suite, result_format="COMPLETE")


@lru_cache(maxsize=1)
def _library() -> dict[str, Any]:
    """One context without a folder and one definition of a batch, for the life of this process."""
    import os

    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("counts").add_dataframe_asset("counts")
    return {"definition": asset.add_batch_definition_whole_dataframe("all"), "context": context}
