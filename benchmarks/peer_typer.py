"""The least that a command line of Typer's takes to start: two commands that do nothing."""

import typer

app = typer.Typer()


@app.command()
def one() -> None:
    """Do nothing."""


@app.command()
def two() -> None:
    """Do nothing else."""


app()
