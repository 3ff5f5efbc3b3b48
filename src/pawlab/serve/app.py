"""The service's addresses: what each takes and returns."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Security
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from pawlab import __version__
from pawlab.classifier import Classifier
from pawlab.errors import ModelError, PawlabError
from pawlab.report.style import css_variables
from pawlab.serve import counters, schema
from pawlab.serve.counters import Counters
from pawlab.serve.errors import RefusedError
from pawlab.serve.limits import Limits
from pawlab.serve.middleware import Middleware
from pawlab.serve.predictor import Predictor
from pawlab.serve.uploads import FIELD, MULTIPART, RAW_TYPES, Memory, Upload, read_uploads
from pawlab.serve.workers import Workers, within

Done = TypeVar("Done")

_DESCRIPTION = (
    "Classifies pictures. Every error is JSON with one sentence under `error`. Where the service was started with a "
    "token, send it as `Authorization: Bearer TOKEN`."
)
_ERRORS = {
    400: "The form or the body can't be read.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site, or calls the service by a name that isn't its own.",
    404: "No heat map can be drawn for this model.",
    408: "The upload took too long.",
    413: "The request exceeds a limit.",
    415: "The body is neither a form nor a picture.",
    422: "The picture can't be read, or the model doesn't know the class.",
    503: "The service is busy; `Retry-After` says in how many seconds to try again.",
}
_BINARY = {"type": "string", "format": "binary"}
_FILES = {FIELD: {"type": "array", "minItems": 1, "items": _BINARY}}
_FORM = {"type": "object", "required": [FIELD], "properties": _FILES}
_PICTURES = {MULTIPART: {"schema": _FORM}, **{kind: {"schema": _BINARY} for kind in RAW_TYPES}}
_UPLOAD = {"requestBody": {"required": True, "content": _PICTURES}}

SCRIPTS = ("page.js", "csv.js", "webcam.js")

guarded, public = APIRouter(), APIRouter()


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    retry = {"headers": {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}}
    return {
        status: {"model": schema.Failure, "description": _ERRORS[status], **(retry if status == 503 else {})}
        for status in statuses
    }


class Service:
    """All that requests share."""

    def __init__(self, classifier: Classifier, metrics: dict[str, Any] | None, limits: Limits) -> None:
        self.limits = limits
        self.use(classifier, metrics)
        self.memory = Memory(limits.held_bytes)
        self.workers = Workers(limits.waiting)
        self.counters = Counters()

    def use(self, classifier: Classifier, metrics: dict[str, Any] | None) -> None:
        """Predict with this classifier from now on; requests under way finish with the one before."""
        self.predictor, self.metrics = Predictor(classifier, self.limits), metrics

    async def process(self, request: Request, work: Callable[[Upload], Done], files: int | None = None) -> list[Done]:
        """Read a request's pictures, at most `files`, and return what `work` makes of each.

        Raises RefusedError, and what the work raises.
        """
        self.workers.require_room(1)
        limits = self.limits if files is None else replace(self.limits, files=files)
        with self.memory.hold() as take:
            uploads = await read_uploads(request, limits, take)
            request.state.pictures = len(uploads)
            running = asyncio.create_task(self.workers.run([partial(work, upload) for upload in uploads]))
            return await within(self.limits.answer_seconds, running, asyncio.create_task(_disconnected(request)))


async def _disconnected(request: Request) -> None:
    """Return once the client has gone; a request's body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Shared = Annotated[Service, Depends(_service)]
Label = Annotated[str | None, Query(description="The class to explain; the predicted one by default.")]


@guarded.post(
    "/predict",
    response_model=schema.Predictions,
    response_description="The predictions, in the order of the pictures.",
    responses={
        **_errors(400, 401, 403, 408, 413, 415, 503),
        422: {"model": schema.NoneRead, "description": "None of the pictures could be read."},
    },
    openapi_extra=_UPLOAD,
)
async def predict(request: Request, service: Shared) -> Any:
    """Predict the class of each picture.

    Send pictures in the form field `files`, within the limits that `/model` gives, or one as the body itself. A picture
    that can't be read fails alone: its entry has `error`.
    """
    results = await service.process(request, service.predictor.predict)
    service.counters.pictures.update(
        "unreadable" if result.error else "sure" if result.sure else "not_sure" for result in results
    )
    predictions = [vars(result) | ({"probability": None} if result.error else {}) for result in results]
    if not all(result.error for result in results):
        return {"predictions": predictions}
    error = f"{results[0].picture or 'The picture'}: {results[0].error}."
    if len(results) > 1:
        error = f"None of the {len(results)} pictures could be read."
    failure = schema.NoneRead.model_validate({"error": " ".join(error.split()), "predictions": predictions})
    return JSONResponse(failure.model_dump(), 422)


@guarded.post(
    "/heatmap",
    response_class=Response,
    response_description="The picture with its heat map, in its own shape, at most 640 pixels a side.",
    responses={
        **_errors(400, 401, 403, 404, 408, 413, 415, 422, 503),
        200: {"content": {"image/png": {"schema": _BINARY}}},
    },
    openapi_extra=_UPLOAD,
)
async def heatmap(request: Request, service: Shared, label: Label = None) -> Response:
    """Draw a heat map: the brighter a region, the more it contributes to the class.

    Send one picture, as to `/predict`.
    """
    try:
        drawn = await service.process(request, partial(service.predictor.heat_map, label=label), files=1)
    except PawlabError as error:
        text = str(error)
        sentence = text[0].upper() + text[1:] + "." * (text[-1] not in ".?")
        raise RefusedError(404 if isinstance(error, ModelError) else 422, sentence) from error
    return Response(drawn[0], media_type="image/png")


@guarded.get("/model", response_description="The description.", responses=_errors(401, 403))
def model(service: Shared) -> schema.Model:  # in a thread, as it may be the first to need heat maps
    """Describe the model: its classes, its recipe, its picture size, its test scores."""
    card = service.predictor.classifier.card
    described = vars(card) | {
        "target": card.target,
        "unfamiliarity_threshold": card.ood_threshold,
        "metrics": service.metrics,
        "heat_maps": service.predictor.explainer is not None,
        "limits": service.limits,
    }
    return schema.Model.model_validate(described, from_attributes=True)


@public.get("/health", response_description="It runs.", responses=_errors(403))
async def health() -> schema.State:
    """Say that the service runs."""
    return schema.State(status="ok")


@public.get("/ready", response_description="There is room.", responses=_errors(403, 503))
async def ready(service: Shared) -> schema.State:
    """Say whether there is room for another picture."""
    service.workers.require_room(1)
    return schema.State(status="ready")


@guarded.get(
    "/metrics",
    response_class=Response,
    response_description="One line per count.",
    responses={**_errors(401, 403), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(service: Shared) -> Response:
    """Return the counts of requests and pictures in Prometheus's text format."""
    page = service.counters.render(service.workers.waiting, service.memory.held)
    return Response(page, media_type=counters.MEDIA_TYPE)


def create_app(
    classifier: Classifier,
    metrics: dict[str, Any] | None = None,
    limits: Limits | None = None,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    origins: frozenset[str] = frozenset(),
) -> FastAPI:
    """Return the service as an ASGI application.

    `metrics`: what /model returns as such. `token`: what clients must send; None requires none. `hosts`: the names it
    may be called by; None allows all. `origins`: sites whose pages may use it.
    """
    service = Service(classifier, metrics, limits or Limits())
    api = FastAPI(
        title="pawlab",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={HTTPException: refuse},
    )
    api.state.service = service
    api.include_router(guarded, dependencies=[] if token is None else [Depends(_requiring(token))])
    api.include_router(public)
    finish_app(api, page_files(), service.counters, hosts, origins)
    return api


def finish_app(
    api: FastAPI,
    files: Mapping[str, tuple[bytes, str]],
    counters: Counters,
    hosts: frozenset[str] | None,
    origins: frozenset[str] = frozenset(),
) -> None:
    """Add the files of a page, content and media type by address, and what every request passes."""
    for address, (content, media_type) in files.items():
        api.add_api_route(address, partial(_file, content, media_type), include_in_schema=False)
    paths = frozenset([*api.openapi()["paths"], *files, "/openapi.json"])
    api.add_middleware(Middleware, counters=counters, paths=paths, hosts=hosts, origins=origins)


def _requiring(token: str) -> Callable[..., Awaitable[None]]:
    """Return the dependency of an address that requires the token; the OpenAPI document tells of it."""
    bearer = HTTPBearer(scheme_name="token", auto_error=False)

    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]) -> None:
        right = token.encode()
        if given is None or not hmac.compare_digest(given.credentials.strip().encode("latin-1"), right):
            sentence = "The token is missing or wrong. Send it in the header 'Authorization: Bearer TOKEN'."
            raise RefusedError(401, sentence, {"WWW-Authenticate": "Bearer"})

    return check


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and media type of the page's files, by address. No other file is served."""
    folder = Path(__file__).parent
    return {
        "/": ((folder / "page.html").read_bytes(), "text/html"),
        "/static/page.css": ((folder / "static/page.css").read_bytes(), "text/css"),
        **{f"/static/{name}": ((folder / "static" / name).read_bytes(), "text/javascript") for name in SCRIPTS},
        "/static/icon.svg": ((folder / "static/icon.svg").read_bytes(), "image/svg+xml"),
        "/static/colours.css": (css_variables().encode(), "text/css"),
    }


async def _file(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


async def refuse(_: Request, error: Any) -> Response:
    """Refuse what no address takes: the router's 404 and 405."""
    if error.status_code == 405:
        sentence = f"This address doesn't take this method, but {error.headers['Allow']}."
    else:
        sentence = "There is nothing at this address. The page is at /, the description of the API at /openapi.json."
    return RefusedError(error.status_code, sentence, error.headers).response()
