"""The addresses behind the page: questions and pictures out, decisions in."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from PIL import Image
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pawlab import __version__
from pawlab.datasets.labels import Choice
from pawlab.errors import PawlabError
from pawlab.images import Preprocess, decode, inspect
from pawlab.review.labelling import Labelling
from pawlab.review.session import Question, Session
from pawlab.serve.app import finish_app, page_files, refuse
from pawlab.serve.counters import Counters
from pawlab.serve.errors import RefusedError
from pawlab.serve.limits import Limits
from pawlab.serve.review.heat import HeatMaps
from pawlab.serve.workers import Workers

Done = TypeVar("Done")

_LONGEST_SIDE = 1600  # pixels: what a large screen shows
_MOST_QUESTIONS = 20
_KEPT = {"Cache-Control": "private, max-age=86400, immutable"}  # addresses name contents

router = APIRouter()


class Decided(BaseModel):
    """A decision on a picture, by its SHA-256. `label`: the class, where the choice is `label`."""

    picture: str = Field(max_length=64)
    choice: Choice
    label: str = Field(default="", max_length=1000)


class Undone(BaseModel):
    """Whose last decision is taken back."""

    picture: str = Field(max_length=64)


class Named(BaseModel):
    """A class to add."""

    name: str = Field(max_length=1000)


class Desk:
    """All that requests share."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.workers = Workers(Limits().waiting)
        self.heat_maps = HeatMaps(session)

    async def run(self, work: Callable[[], Done]) -> Done:
        """Do work in a thread. Raises RefusedError for what the person can't have."""
        try:
            return (await self.workers.run([work]))[0]
        except PawlabError as error:
            text = str(error)
            raise RefusedError(422, text[0].upper() + text[1:] + "." * (text[-1] not in ".?")) from error

    def picture(self, content: str) -> bytes:
        """Return a picture as JPEG, upright, at most 1,600 pixels a side."""
        path = self.session.find(content).path
        info = inspect(path)
        scale = min(1, _LONGEST_SIDE / max(info.width, info.height))
        size = Preprocess(max(1, round(info.height * scale)), max(1, round(info.width * scale)))
        file = io.BytesIO()
        Image.fromarray(decode(path, size)).save(file, "JPEG", quality=90)
        return file.getvalue()


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


Shared = Annotated[Desk, Depends(_desk)]
Tab = Annotated[str, Query(max_length=100, description="What tells this page from others that are open.")]
Kind = Annotated[str | None, Query(max_length=50, description="Only questions of this kind.")]


@router.get("/state")
async def state(desk: Shared) -> dict[str, Any]:
    """Return counts, classes and scores."""
    return await desk.run(desk.session.state)


@router.get("/questions")
async def questions(
    desk: Shared, tab: Tab, kind: Kind = None, count: Annotated[int, Query(ge=1, le=_MOST_QUESTIONS)] = 6
) -> list[dict[str, Any]]:
    """Return the next pictures to decide on, none that another page has before it."""
    return [_document(desk.session, one) for one in await desk.run(partial(desk.session.questions, tab, count, kind))]


@router.get("/pictures/{content}", response_class=Response)
async def picture(desk: Shared, content: str) -> Response:
    """Return a picture as JPEG."""
    return Response(await desk.run(partial(desk.picture, content)), media_type="image/jpeg", headers=_KEPT)


@router.get("/heatmaps/{content}", response_class=Response)
async def heat_map(desk: Shared, content: str, label: Annotated[str | None, Query(max_length=1000)] = None) -> Response:
    """Return a picture with its heat map: the brighter a region, the more it contributes to the class."""
    return Response(await desk.run(partial(desk.heat_maps.draw, content, label)), media_type="image/png")


@router.post("/decisions")
async def decide(desk: Shared, decided: Decided) -> dict[str, Any]:
    """Keep a decision: it is on the disk before this returns."""
    return await _changed(desk, partial(desk.session.decide, decided.picture, decided.choice, decided.label))


@router.post("/undo")
async def undo(desk: Shared, undone: Undone) -> dict[str, Any]:
    """Take the last decision on a picture back."""
    return await _changed(desk, partial(desk.session.undo, undone.picture))


@router.post("/classes")
async def add_class(desk: Shared, named: Named) -> dict[str, Any]:
    """Add a class."""
    return await _changed(desk, partial(desk.session.add_class, named.name))


@router.post("/refit")
async def refit(desk: Shared) -> dict[str, Any]:
    """Fit anew, in the background; `busy` in the state says when it is done."""
    return await _changed(desk, desk.session.refit.request)


@router.post("/finish")
async def finish(desk: Shared) -> dict[str, Any]:
    """Make the table, the classifier and the predictions of the rest, in the background."""
    if not isinstance(desk.session, Labelling):
        raise RefusedError(404, "A review has nothing to finish: its table is whole at any time.")
    return await _changed(desk, desk.session.finishing.request)


async def _changed(desk: Desk, change: Callable[[], None]) -> dict[str, Any]:
    await desk.run(change)
    return await desk.run(desk.session.state)


def _document(session: Session, question: Question) -> dict[str, Any]:
    picture = question.picture
    return {
        "id": picture.sha256,
        "name": picture.name,
        "label": picture.label or None,
        "test": picture.split == "test",
        "kind": question.kind,
        "reason": question.reason,
        "suggested": question.suggested,
        "probability": question.probability,
        "choices": question.choices,
        "other": question.other,
        "other_name": session.find(question.other).name if question.other else None,
    }


def create_review_app(session: Session, hosts: frozenset[str] | None = None) -> FastAPI:
    """Return a session's page and what is behind it as an ASGI application. `hosts`: as for the service."""
    api = FastAPI(
        title="pawlab",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={HTTPException: refuse, RequestValidationError: _refuse_form},
    )
    api.state.desk = Desk(session)
    api.include_router(router)
    finish_app(api, _files(), Counters(), hosts)
    return api


async def _refuse_form(_: Request, error: Any) -> Response:
    """Refuse what isn't of the form that an address takes."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "its body"
    return RefusedError(422, f"The request isn't one that the page makes: {where}: {first['msg']}.").response()


def _files() -> dict[str, tuple[bytes, str]]:
    """Return the page's files, by address: its own, and what it has in common with the service's page."""
    own = Path(__file__).parent
    return {
        **{address: file for address, file in page_files().items() if not address.endswith(".js")},
        "/": ((own / "review.html").read_bytes(), "text/html"),
        "/static/review.css": ((own / "review.css").read_bytes(), "text/css"),
        "/static/review.js": ((own / "review.js").read_bytes(), "text/javascript"),
    }
