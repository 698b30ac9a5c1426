"""The bundle as a model that MLflow itself can load and serve, with a signature and no pickle.

Belongs here: MLflow's view of a `Scorer`. Does not belong here: the fast path of the API (serving.py), which reads the
same files without MLflow; `tests/ml` holds both equal.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.lib.scorer import Scorer

#: MLflow stores this text as the model's code and runs it when it loads the model.
ENTRY = '''"""Loads the bundle beside it; needs the package `nexus-platform`."""

from mlflow.models import set_model

from ml.lib.pyfunc import served

set_model(served())
'''
REQUIREMENTS = ("lightgbm", "numpy", "pandas", "scikit-learn", "mlflow")


class _Bundle:
    """Apart from MLflow's class, which would wrap `predict` to check rows by annotations; the signature does that."""

    def load_context(self, context: Any) -> None:
        from ml.lib.scorer import load

        self.scorer = load(Path(context.artifacts["bundle"]))

    # without annotations: MLflow would read them as a signature
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        rows = model_input[list(self.scorer.features)].to_numpy(dtype="float64")
        return self.scorer.scores(rows)


def served() -> Any:
    """An MLflow model that answers a frame of features with probabilities."""
    import mlflow.pyfunc

    class Served(_Bundle, mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        pass

    return Served()


def log(mlflow: Any, name: str, scorer: Scorer, folder: Path) -> Any:
    """Logs `scorer` into the active run; returns MLflow's description of it."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    bundle = folder / "bundle"
    scorer.save(bundle)
    entry = folder / "model.py"
    entry.write_text(ENTRY)
    signature = ModelSignature(
        # every feature may be unknown: that is an answer, not a mistake
        inputs=Schema([ColSpec(DataType.double, f, required=False) for f in scorer.features]),
        outputs=Schema([ColSpec(DataType.double, "score")]),
    )
    return mlflow.pyfunc.log_model(
        name=name,
        python_model=str(entry),
        artifacts={"bundle": str(bundle)},
        signature=signature,
        pip_requirements=[f"{p}=={version(p)}" for p in REQUIREMENTS],
    )
