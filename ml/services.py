"""How MLflow's own pages are run, over the same store that training writes to."""

from __future__ import annotations

import sys

from nexus import postgres
from nexus.services import Service
from nexus.settings import Settings


def services(settings: Settings) -> list[Service]:
    return [
        Service(
            name="mlflow",
            command=(
                sys.executable, "-m", "mlflow", "server", "--host", settings.inner_host, "--port", str(settings.mlflow_port),
                "--backend-store-uri", postgres.sqlalchemy_url(settings, "mlflow", driver="psycopg"),
                "--default-artifact-root", str(settings.home / "mlflow"), "--workers", "1",
            ),
            purpose="experiments, model versions and their cards",
            port=settings.mlflow_port,
            health="/health",
            host=settings.inner_host,
            # its job executor starts ten processes that Nexus has no use for
            env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
    ]  # fmt: skip
