"""The rules of predicting: who is known, who is still a customer, what an answer says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from api.models.repository import ModelRepository
from api.models.schemas import ModelDetail, ModelSummary, PredictAnswer, Prediction, ReasonOut
from api.problems import ProblemError, ProblemItem
from ml.lib import reasons
from ml.lib.serving import Loaded
from nexus.errors import NotFoundError


class ModelService:
    def __init__(self, repository: ModelRepository) -> None:
        self.repository = repository

    def predict(
        self, loaded: Loaded, model: str, workspace: str, customers: Sequence[str], count: int
    ) -> PredictAnswer:
        """Scores with reasons, in the order asked for. Raises ProblemError if any customer cannot be predicted."""
        spec, scorer = self.repository.spec(model), loaded.scorer
        wanted = list(dict.fromkeys(customers))
        found = {row[0]: row for row in self.repository.rows(workspace, wanted, scorer.features)}
        self._refuse(workspace, wanted, {c: row[1] for c, row in found.items()})
        rows = np.array([found[c][2:] for c in wanted], dtype=np.float64)
        scores = [scorer.score(rows[0])] if len(rows) == 1 else scorer.scores(rows).tolist()
        parts = scorer.contributions(rows) if count else None
        predictions = {}
        for index, customer in enumerate(wanted):
            why = (
                reasons.top(scorer.features, rows[index], parts[index], scorer.typical, spec.labels, count)
                if parts is not None
                else []
            )
            predictions[customer] = Prediction(
                customer_id=customer,
                score=round(scores[index], 6),
                event_timestamp=datetime.fromtimestamp(found[customer][1], UTC),
                reasons=[
                    ReasonOut(
                        feature=r.feature, value=r.value, typical=r.typical, contribution=r.contribution, text=r.text
                    )
                    for r in why
                ],
            )
        return PredictAnswer(
            model_name=loaded.version.name,
            model_version=loaded.version.version,
            model_role=loaded.version.role,  # type: ignore[arg-type]
            feature_service=spec.service,
            warehouse_version=self.repository.online.version,
            predictions=[predictions[c] for c in customers],
        )

    def summary(self, model: str, workspace: str) -> ModelSummary:
        """The model and who answers for the workspace, if anybody does."""
        spec = self.repository.spec(model)
        try:
            answering = self.repository.loaded(model, workspace).version
        except NotFoundError:
            answering = None
        return ModelSummary(
            name=spec.name,
            title=spec.title,
            feature_service=spec.service,
            horizon_days=spec.horizon.days,
            trained=answering is not None,
            version=answering.version if answering else None,
            role=answering.role if answering else None,  # type: ignore[arg-type]
        )

    def detail(self, model: str, workspace: str) -> ModelDetail:
        """Everything about the version that answers. Raises NotFoundError if there is none."""
        loaded = self.repository.loaded(model, workspace)
        tags = loaded.version.tags
        return ModelDetail(
            **self.summary(model, workspace).model_dump(),
            features=list(loaded.scorer.features),
            dataset_sha256=tags.get("dataset_sha256", ""),
            warehouse_version=tags.get("warehouse_version", ""),
            git_commit=tags.get("git_commit", ""),
            run_id=loaded.version.run_id,
            card=loaded.version.card,
        )

    def _refuse(self, workspace: str, wanted: Sequence[str], moments: dict[str, int]) -> None:
        as_of = self.repository.as_of(workspace)
        last = int(as_of.timestamp()) if as_of else 0
        problems = []
        for index, customer in enumerate(wanted):
            if customer not in moments:
                code, detail = "unknown_customer", f"workspace {workspace!r} has no customer {customer!r}"
            elif moments[customer] < last:
                until = datetime.fromtimestamp(moments[customer], UTC).date().isoformat()
                code, detail = "lapsed_customer", f"customer {customer!r} has not been paying since {until}"
            else:
                continue
            problems.append(ProblemItem(code=code, detail=detail, pointer=f"#/customer_ids/{index}", value=customer))
        if problems:
            raise ProblemError(
                404,
                problems[0].code,
                f"{len(problems)} of {len(wanted)} customers cannot be predicted",
                errors=problems,
                remedy="ask without them; customers of the newest snapshot are listed by `nexus features show`",
            )
