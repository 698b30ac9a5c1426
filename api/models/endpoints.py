"""HTTP of the models: `/v1/models`, `/v1/models/{model}`, `POST /v1/models/{model}:predict`."""

from __future__ import annotations

import contextlib
import threading
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.convertors import StringConvertor, register_url_convertor

from api.kernel.idempotency import unkeyed
from api.kernel.routing import Router
from api.models.policies import ModelsReader, Predictor
from api.models.repository import ModelRepository
from api.models.schemas import ModelDetail, ModelList, PredictAnswer, PredictRequest
from api.models.service import ModelService
from api.problems import GUARDED
from nexus.errors import NexusError
from nexus.settings import Settings


class _Name(StringConvertor):
    # a plain path parameter would take `churn:predict` for a name
    regex = "[a-z][a-z0-9_]*"


register_url_convertor("name", _Name())
router = Router(prefix="/v1/models", tags=["models"], responses=GUARDED)


# async, though it awaits nothing: otherwise each request would be sent through a thread for it
async def _service(request: Request) -> ModelService:
    found = request.app.state.models
    assert isinstance(found, ModelService)
    return found


Models = Annotated[ModelService, Depends(_service)]


def start(app: FastAPI, settings: Settings) -> None:
    app.state.models = ModelService(ModelRepository(settings))


def warm(app: FastAPI) -> None:
    """Loads what will be asked first, beside the start: the first caller should not wait for it."""

    def load() -> None:
        # what is missing is said by /readyz and by every request
        with contextlib.suppress(NexusError):
            app.state.models.repository.loaded("churn", app.state.settings.workspace)

    threading.Thread(target=load, name="warm-models", daemon=True).start()


@router.get("", summary="The models there are")
async def list_models(caller: ModelsReader, models: Models) -> ModelList:
    names = models.repository.names()
    return ModelList(models=[await run_in_threadpool(models.summary, n, caller.workspace) for n in names])


@router.get("/{model:name}", summary="One model: who answers, what it learned from, its card")
async def get_model(model: str, caller: ModelsReader, models: Models) -> ModelDetail:
    return await run_in_threadpool(models.detail, model, caller.workspace)


@router.post(
    "/{model:name}:predict",
    summary="Scores with reasons for customers by id",
    dependencies=[unkeyed("it changes nothing")],
)
async def predict(model: str, body: PredictRequest, caller: Predictor, models: Models) -> PredictAnswer:
    """Features come from the online store, the model is the registry's champion (or the baseline, if nobody has beaten
    it). All customers are predicted or none: one that is unknown or has left makes a problem that lists them."""
    loaded = models.repository.at_hand(model, caller.workspace)
    if loaded is None:
        loaded = await run_in_threadpool(models.repository.loaded, model, caller.workspace)
    # microseconds a customer: a thread would cost more than it saves
    if len(body.customer_ids) <= 20:
        return models.predict(loaded, model, caller.workspace, body.customer_ids, body.reasons)
    return await run_in_threadpool(models.predict, loaded, model, caller.workspace, body.customer_ids, body.reasons)
