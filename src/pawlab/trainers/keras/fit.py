"""The training run of a recipe with epochs: pictures in, a classifier's graph and its history out.

The numbers of an epoch depend on the seed, the epoch and the weights before it, on nothing else. So a run that was
killed goes on after its last whole epoch and ends with the very weights of one that wasn't.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from time import perf_counter

from pawlab.datasets.dataset import Dataset
from pawlab.errors import RecipeError
from pawlab.evaluation.history import Epoch, write_history
from pawlab.evaluation.verdict import Guessing, stands_still
from pawlab.features.source import FeatureSource
from pawlab.progress import Advance
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.fitted import Fitted, Settings
from pawlab.trainers.keras import checkpoint
from pawlab.trainers.keras.architectures import reseed
from pawlab.trainers.keras.batches import Batch
from pawlab.trainers.keras.network import Network, prepare
from pawlab.trainers.keras.steps import (
    Means,
    Step,
    compiled_prediction,
    compiled_steps,
    go_through,
    start_tensorflow,
    validate_tempered,
)
from pawlab.trainers.keras.tensorboard import write_events

History = tuple[Epoch, ...]
Validate = Callable[[Iterator[Batch], Advance], Means]

_log = logging.getLogger("pawlab")  # where nobody sets up logging, its lines go to standard error as they are


def fit(dataset: Dataset, recipe: Recipe, source: FeatureSource, settings: Settings) -> Fitted:
    """Train a recipe's network and return its best epoch: a `Trainer`. Test pictures aren't touched.

    `settings.folder` gets history.csv after each epoch; the state from which a killed run resumes when this is called
    again with the same arguments; TensorBoard's logs, where asked for; and pixels that don't fit in memory. `source`
    isn't used: a frozen network's maps change with each augmentation.

    KeyboardInterrupt ends training after the last whole epoch, and `interrupted` says so; before there is one, it is
    passed on. Raises MissingExtraError, WeightsError, DataError, OutputError, and RecipeError where `folder` holds the
    state of another run, or after an epoch whose loss isn't finite, of which nothing is kept.
    """
    start_tensorflow(f"the recipe {recipe.name}")
    settings = replace(settings, epochs=settings.epochs or recipe.epochs)
    return fit_network(lambda: prepare(dataset, recipe, settings), settings)


def fit_network(make: Callable[[], Network], settings: Settings) -> Fitted:
    """Train the network that `make` prepares, `settings.epochs` epochs at most; see `fit`."""
    started = perf_counter()
    network = make()
    prepared = perf_counter()
    history, interrupted = _train(network, settings, prepared - started)
    best = network.best_epoch(history)
    checkpoint.load_weights(settings.folder, best, network.model)
    predicted = network.predict_validation()
    return Fitted(
        graph=network.export(predicted),
        history=history,
        best_epoch=best,
        parameters=network.parameters,
        skipped=network.skipped,
        seconds={"features": prepared - started, "fit": perf_counter() - prepared},
        validation=predicted,
        choices=network.choices,
        notes=(*_kept(history, best, network), *_ended_early(history, settings, interrupted, network)),
        interrupted=interrupted,
        infos=network.infos,
    )


def _train(network: Network, settings: Settings, before: float) -> tuple[History, bool]:
    """Train from where the folder's state is, to the end or an interrupt; return the history and whether it was cut.

    `before`: seconds that it took to prepare.
    """
    history = checkpoint.resume(settings.folder, network.identity, network.model)
    for row in history:  # the state of an older version may hold such an epoch
        _require_finite(row, network.recipe)
    steps = _steps(network)
    try:
        if network.start is not None and not history:
            history = _keep((network.start,), network, settings)
        while not (_is_done(history, settings, network) or _is_late(history, settings.minutes, before)):
            row = _epoch(network, steps, history[-1].epoch + 1 if history else 1, settings)
            _require_finite(row, network.recipe)
            _warn_of_standstill(row, history, network)
            history = _keep((*history, row), network, settings)
    except KeyboardInterrupt:
        if not history:
            raise
        return history, True
    return history, False


def _steps(network: Network) -> tuple[Step, Validate]:
    """Return what is done with a training batch, and with all of validation."""
    train, test = compiled_steps(network.model, network.feed)
    if network.start is None:
        return train, partial(go_through, network.model, test)
    return train, partial(validate_tempered, compiled_prediction(network.model, network.feed))


def _keep(history: History, network: Network, settings: Settings) -> History:
    """Write down the state after the last epoch."""
    by_loss = network.start is not None
    checkpoint.save(settings.folder, network.identity, history, network.model, by_loss)
    write_history(history, settings.folder / "history.csv")
    if settings.tensorboard and history[-1].epoch:
        write_events(settings.folder / "tensorboard", history[-1])
    return history


def _is_done(history: History, settings: Settings, network: Network) -> bool:
    return _is_over(history, settings.epochs or 0, network.recipe.early_stopping, by_loss=network.start is not None)


def _is_over(history: History, epochs: int, patience: int, by_loss: bool = False) -> bool:
    if not history:
        return False
    last = history[-1].epoch
    return last >= epochs or bool(patience and last - checkpoint.best_epoch(history, by_loss) >= patience)


def _is_late(history: History, minutes: float | None, before: float) -> bool:
    """Say whether another epoch, as long as the longest so far, would end after as many minutes. The first never is."""
    trained = [row.seconds for row in history if row.epoch]
    if minutes is None or not trained:
        return False
    return before + sum(row.seconds for row in history) + max(trained) > 60 * minutes


def _kept(history: History, best: int, network: Network) -> Iterator[str]:
    """Say which epoch was kept of a network that began from a probe."""
    if network.start is None:
        return
    loss, trained = next(row.val_loss for row in history if row.epoch == best), history[-1].epoch
    if best:
        against = f"the linear probe that it began from had {network.start.val_loss:.3f}"
        yield f"epoch {best} of {trained} is kept, with a validation loss of {loss:.3f}; {against}"
    else:
        yield f"the linear probe is kept: no epoch of {trained} brought its validation loss below {loss:.3f}"


def _ended_early(history: History, settings: Settings, interrupted: bool, network: Network) -> Iterator[str]:
    """Say that time, and not the recipe, ended the training."""
    if not interrupted and settings.minutes and not _is_done(history, settings, network):
        yield (
            f"stopped after epoch {history[-1].epoch} of {settings.epochs}: another one wouldn't have ended within "
            f"{settings.minutes:g} minutes (--minutes)"
        )


def _require_finite(row: Epoch, recipe: Recipe) -> None:
    """Raise RecipeError where training has run away: weights that are no numbers stay so in all epochs to come."""
    if not row.is_finite:
        raise RecipeError(
            f"the loss of the recipe '{recipe.name}' is no finite number in epoch {row.epoch}. "
            f"A learning_rate below {recipe.learning_rate} may fix that, in a new run."
        )


def _warn_of_standstill(row: Epoch, before: History, network: Network) -> None:
    """Say it once, after the first epoch of it: the epochs to come are likely to be wasted."""
    guessing = Guessing.at(network.recipe.outputs, network.validation.labels.tolist())
    if stands_still(row, guessing) and not any(stands_still(earlier, guessing) for earlier in before):
        _log.warning(
            "pawlab: %s, epoch %d: all pictures are predicted alike, at the loss of guessing, %.3f: training stands "
            "still. If it goes on so, stop it and take another seed (--seed) or a lower learning_rate.",
            network.recipe.name,
            row.epoch,
            row.val_loss,
        )


def _epoch(network: Network, steps: tuple[Step, Validate], epoch: int, settings: Settings) -> Epoch:
    started = perf_counter()
    model, feed = network.model, network.feed
    train, validate = steps
    reseed(model, settings.seed, epoch)
    with settings.progress(f"Epoch {epoch} of {settings.epochs}", len(feed)) as advance:
        trained = go_through(model, train, feed.training(epoch), advance)
        validated = validate(feed.validation(), advance)
    validation = {f"val_{name}": value for name, value in validated.items()}
    return Epoch(epoch, **trained, **validation, seconds=perf_counter() - started)
