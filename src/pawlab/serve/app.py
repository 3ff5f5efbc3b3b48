"""The service's addresses: what is asked where, and what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response

from pawlab import __version__
from pawlab.classifier import Classifier
from pawlab.errors import ModelError, PawlabError
from pawlab.serve import counters, schema
from pawlab.serve.assets import Asset, read_assets
from pawlab.serve.counters import Counters
from pawlab.serve.errors import RefusedError, error_body
from pawlab.serve.limits import Limits
from pawlab.serve.middleware import OWN_FAULT, Middleware
from pawlab.serve.predictor import Predictor
from pawlab.serve.uploads import FIELD, MULTIPART, RAW_TYPES, Memory, Upload, read_uploads
from pawlab.serve.workers import Workers, within

Result = TypeVar("Result")

_DESCRIPTION = (
    "Says what pictures show. Every answer that isn't a success is JSON with one sentence under `error`, unless said "
    "otherwise. Where the service was started with a token, send it as `Authorization: Bearer TOKEN`."
)
_GUARDED = frozenset({"/predict", "/heatmap", "/model", "/metrics"})
_REFUSALS: dict[int, str] = {
    400: "The form or the body can't be read.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site, or calls the service by a name that isn't its own.",
    404: "No heat map can be drawn for this model.",
    408: "The upload took too long.",
    413: "The request brings more than it may.",
    415: "The body is neither a form nor a picture.",
    422: "The picture can't be read, or the model doesn't know the class.",
    503: "The service has too much to do; `Retry-After` says in how many seconds to try again.",
}
_LABEL = "The class whose traces to show; without it, the one that is answered."
_PICTURES = {
    MULTIPART: {
        "schema": {
            "type": "object",
            "required": [FIELD],
            "properties": {FIELD: {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}},
        }
    },
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in RAW_TYPES},
}

router = APIRouter()


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of these statuses."""
    said: dict[int | str, dict[str, Any]]
    said = {status: {"model": schema.Failure, "description": _REFUSALS[status]} for status in statuses}
    if 503 in said:
        said[503]["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
    return said


class Service:
    """All that requests share."""

    def __init__(self, classifier: Classifier, metrics: dict[str, Any] | None, limits: Limits) -> None:
        self.predictor = Predictor(classifier, limits)
        self.metrics = metrics
        self.limits = limits
        self.memory = Memory(limits.held_bytes)
        self.workers = Workers(limits.waiting)
        self.counters = Counters()
        self.assets = read_assets()

    async def work(
        self, request: Request, job: Callable[[Upload], Result], files: int | None = None
    ) -> Sequence[Result]:
        """Read a request's pictures and return what `job` makes of each. Raises RefusedError, and what a job raises."""
        self.workers.require_room(1)
        limits = self.limits if files is None else replace(self.limits, files=files)
        with self.memory.hold() as take:
            uploads = await read_uploads(request, limits, take)
            request.state.pictures = len(uploads)
            jobs = [partial(job, upload) for upload in uploads]
            work = asyncio.create_task(self.workers.run(jobs))
            return await within(self.limits.answer_seconds, work, asyncio.create_task(_departure(request)))


async def _departure(request: Request) -> None:
    """Return once the client has gone; a request's body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@router.post(
    "/predict",
    response_model=schema.Predictions,
    response_description="The answers, in the order of the pictures.",
    responses={
        **_refusals(400, 401, 403, 408, 413, 415, 503),
        422: {"model": schema.NoneRead, "description": "None of the pictures could be read."},
    },
    openapi_extra={"requestBody": {"required": True, "content": _PICTURES}},
)
async def predict(request: Request) -> Any:
    """Say what pictures show.

    Send them in the field `files` of a form, as many as you like within the limits that `/model` names, or one as the
    body itself. A picture that can't be read fails alone: its entry has `error`.
    """
    service = _service(request)
    predictions = await service.work(request, service.predictor.predict)
    service.counters.pictures.update(_result(prediction.error, prediction.sure) for prediction in predictions)
    found = [schema.prediction_of(prediction) for prediction in predictions]
    if all(item.error is not None for item in found):
        return JSONResponse(asdict(schema.NoneRead(_none_read(found), found)), 422)
    return schema.Predictions(found)


@router.post(
    "/heatmap",
    response_class=Response,
    response_description="The picture with its heat map, in its own shape, at most 640 pixels a side.",
    responses={
        **_refusals(400, 401, 403, 404, 408, 413, 415, 422, 503),
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
    },
    openapi_extra={"requestBody": {"required": True, "content": _PICTURES}},
)
async def heatmap(request: Request, label: Annotated[str | None, Query(description=_LABEL)] = None) -> Response:
    """Show where in a picture the answer comes from: the brighter a place, the more it speaks for the class.

    Send one picture, as to `/predict`.
    """
    service = _service(request)
    try:
        drawn = await service.work(request, partial(service.predictor.heat_map, label=label), files=1)
    except PawlabError as error:
        raise RefusedError(404 if isinstance(error, ModelError) else 422, _sentence(str(error))) from error
    return Response(drawn[0], media_type="image/png")


@router.get("/model", response_description="What the model says of itself.", responses=_refusals(401, 403))
def model(request: Request) -> schema.Model:
    """Describe the model: its classes, its recipe, how pictures are brought to its size, how it was tested."""
    service = _service(request)  # in a thread, as it may be the first to ask for heat maps
    return schema.model_of(service.predictor, service.metrics, service.limits)


@router.get("/health", response_description="It runs.", responses=_refusals(403))
async def health() -> schema.State:
    """Say that the service runs."""
    return schema.State("ok")


@router.get("/ready", response_description="There is room.", responses=_refusals(403, 503))
async def ready(request: Request) -> schema.State:
    """Say whether there is room for another picture."""
    _service(request).workers.require_room(1)
    return schema.State("ready")


@router.get(
    "/metrics",
    response_class=Response,
    response_description="The counts, a line each.",
    responses={**_refusals(401, 403), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Give the counts of requests and pictures in Prometheus's text format."""
    service = _service(request)
    page = service.counters.render(
        {
            "pawlab_requests_under_way": ("Requests being answered.", service.counters.under_way),
            "pawlab_pictures_waiting": ("Pictures in line.", service.workers.waiting),
            "pawlab_upload_bytes": ("Memory that uploads take.", service.memory.held),
        }
    )
    return Response(page, media_type=counters.MEDIA_TYPE)


def create_app(
    classifier: Classifier,
    metrics: dict[str, Any] | None = None,
    limits: Limits | None = None,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
) -> Middleware:
    """Return the service as an ASGI application.

    `metrics`: what /model says of tests. `token`: what clients must show; None asks for nothing. `hosts`: the names
    it may be called by; None allows all.
    """
    service = Service(classifier, metrics, limits or Limits())
    api = FastAPI(
        title="pawlab",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
        exception_handlers={RefusedError: _refuse, 404: _not_found, 405: _not_allowed, Exception: _own_fault},
    )
    api.state.service = service
    api.include_router(router)
    for address, asset in service.assets.items():
        api.add_api_route(address, partial(_serve, asset), include_in_schema=False)
    document = api.openapi()
    if token is not None:
        _describe_token(document)
    paths = frozenset(document["paths"]) | set(service.assets) | {"/openapi.json"}
    return Middleware(api, service.counters, paths, _GUARDED, token, hosts)


def _describe_token(document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path in _GUARDED:
        for operation in document["paths"][path].values():
            operation["security"] = [{"token": []}]


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    yield
    api.state.service.workers.close()


async def _serve(asset: Asset) -> Response:
    return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": "no-cache"})


async def _refuse(_: Request, refused: RefusedError) -> Response:
    return Response(error_body(str(refused)), refused.status, refused.headers, "application/json")


async def _not_found(request: Request, _: Exception) -> Response:
    return await _refuse(
        request, RefusedError(404, "There is nothing at this address. / is the page, /openapi.json describes the rest.")
    )


async def _not_allowed(request: Request, error: Exception) -> Response:
    allowed = getattr(error, "headers", None) or {}
    return await _refuse(request, RefusedError(405, "This address doesn't take this method.", dict(allowed)))


async def _own_fault(request: Request, _: Exception) -> Response:
    return await _refuse(request, RefusedError(500, OWN_FAULT))


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _result(error: str | None, sure: bool) -> str:
    if error is not None:
        return "unreadable"
    return "sure" if sure else "not_sure"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "." * (text[-1] not in ".?")


def _none_read(answers: Sequence[schema.PicturePrediction]) -> str:
    if len(answers) > 1:
        return f"None of the {len(answers)} pictures could be read."
    name = answers[0].picture or "The picture"
    return f"{name}: {answers[0].error}."
