"""Starts queued runs in the code server, as Dagster's own launcher does, and can tell whether a started run still lives.

Belongs here: asking for the life of a run's process. Does not belong here: what runs, judging processes (instance.py).

Dagster's own launcher cannot tell: a run whose code server was killed would count as running for ever, keep the one
place of its pool, and no later run would start. The daemon asks here every twenty seconds; a dead run is marked as failed
and, as `run_retries` says, started once more.
"""

from __future__ import annotations

import time

from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from orchestration.instance import has_named_process, is_dead

#: Seconds for which a code server must have answered before a run is called dead: the daemon tries once to start it again,
#: and gives it up for good if its own view of the code server is older than that.
_SETTLED = 45.0
_LIVES = CheckRunHealthResult(WorkerStatus.RUNNING)


class Launcher(DefaultRunLauncher):
    """`run_launcher` of `dagster.yaml`."""

    _answers_since: float | None = None

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """The process that a run has named lives or does not; before it has named one, its code server knows it or not.

        While the code server cannot be reached (it may be busy or starting), every run counts as alive, to be asked for
        again later: what is called dead is started once more, and nothing could start it now.
        """
        if has_named_process(run) and not is_dead(run):
            return _LIVES
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            # executed by `nexus build` in itself: nobody starts it again
            return _dead("its process ended without a word (killed?)") if has_named_process(run) else _LIVES
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=10)
        except DagsterUserCodeUnreachableError:
            self._answers_since = None
            return _LIVES
        if self._answers_since is None:
            self._answers_since = time.monotonic()
        if time.monotonic() - self._answers_since < _SETTLED:
            return _LIVES
        if has_named_process(run):
            return _dead("its process ended without a word (killed?)")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return _LIVES
        return _dead("the code server that started it does not know it any more (restarted?)")


def _dead(why: str) -> CheckRunHealthResult:
    return CheckRunHealthResult(WorkerStatus.FAILED, why)
