"""Commands that open a page: `serve`, `review`, `label`."""

from pathlib import Path
from typing import Annotated

import typer

from pawlab.cli.arguments import Model, SureAt, argument, option
from pawlab.cli.options import levelled, takes_data
from pawlab.cli.terminal import bar
from pawlab.datasets.options import DEFAULT, DataOptions

_TOKEN = "none on this machine alone, else one is made up"
Labels = Annotated[Path | None, option("Where decisions are kept.", "labels.csv")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


@levelled
def serve(
    model: Model,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None, option("Require this token; safer in the variable.", _TOKEN, envvar="PAWLAB_TOKEN")
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Require none, whoever can connect.")] = False,
    allow_host: Annotated[
        list[str] | None, option("A further name it may be called by, as behind a proxy; repeatable.", metavar="NAME")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, option("A site whose pages may use it; repeatable.", metavar="https://NAME")
    ] = None,
    sure_at: SureAt = None,
) -> None:
    """Predict pictures on a web page and over HTTP.

    A new model in the old one's place is used without a restart.
    """
    from pawlab.serve import serve as serve_model

    if no_token and token:
        raise typer.BadParameter("it excludes --token and PAWLAB_TOKEN.", param_hint="--no-token")
    token = "" if no_token else token or None
    serve_model(model, host, port, token, sure_at, allow_host or (), allow_origin or ())


@levelled
@takes_data
def review(
    data: Annotated[str, argument("A run's folder, or data as `train` takes it.")],
    port: Port = 8000,
    options: DataOptions = DEFAULT,
) -> None:
    """Check doubtful labels on a web page, one key each; photos stay as they are."""
    from pawlab.review.reviewing import open_review
    from pawlab.serve.review import require_extra, serve_session

    require_extra("review")
    serve_session(open_review(data, options, bar), port=port)


@levelled
def label(
    folder: Annotated[str, argument("A folder of pictures, or whatever else `predict` takes.")],
    classes: Annotated[str, option("Names with commas between; more can be added on the page.")] = "",
    model: Annotated[Path | None, option("Begin with what this run knows.", metavar="RUN")] = None,
    labels: Labels = None,
    out: Annotated[Path | None, option("Where table and classifier go.", "runs/FOLDER-labelled")] = None,
    port: Port = 8000,
) -> None:
    """Label pictures on a web page that asks about the most useful ones first."""
    from pawlab.review.labelling import open_labelling
    from pawlab.serve.review import require_extra, serve_session

    require_extra("label")
    names = [" ".join(name.split()) for name in classes.split(",") if name.strip()]
    serve_session(open_labelling(folder, names, bar, model, labels, out), port=port)
