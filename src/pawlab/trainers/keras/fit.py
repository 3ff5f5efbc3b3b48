"""The training run of a recipe with epochs: pictures in, a classifier's graph and its history out.

The numbers of an epoch depend on the seed, the epoch and the weights before it, on nothing else. So a run that was
killed goes on after its last whole epoch and ends with the very weights of one that wasn't.
"""

import logging
from dataclasses import replace
from time import perf_counter

from pawlab.datasets.dataset import Dataset
from pawlab.errors import RecipeError
from pawlab.evaluation.history import Epoch, write_history
from pawlab.evaluation.verdict import Guessing, stands_still
from pawlab.features.source import FeatureSource
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import count_parameters
from pawlab.trainers.fitted import Fitted, Settings
from pawlab.trainers.keras import checkpoint
from pawlab.trainers.keras.architectures import reseed
from pawlab.trainers.keras.network import Network, prepare
from pawlab.trainers.keras.steps import Step, compiled_steps, go_through, start_tensorflow
from pawlab.trainers.keras.tensorboard import write_events

History = tuple[Epoch, ...]

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
    started = perf_counter()
    network = prepare(dataset, recipe, settings)
    prepared = perf_counter()
    history, interrupted = _train(network, replace(settings, epochs=settings.epochs or recipe.epochs))
    best = checkpoint.best_epoch(history)
    checkpoint.load_weights(settings.folder, best, network.model)
    predicted = network.predict_validation()
    return Fitted(
        graph=network.export(predicted),
        history=history,
        best_epoch=best,
        parameters=count_parameters(recipe, network.classes),
        skipped=network.skipped,
        seconds={"features": prepared - started, "fit": perf_counter() - prepared},
        validation=predicted,
        interrupted=interrupted,
        infos=network.infos,
    )


def _train(network: Network, settings: Settings) -> tuple[History, bool]:
    """Train from where the folder's state is, to the end or an interrupt; return the history and whether it was cut."""
    folder, recipe = settings.folder, network.recipe
    history = checkpoint.resume(folder, network.identity, network.model)
    for row in history:  # the state of an older version may hold such an epoch
        _require_finite(row, recipe)
    steps = compiled_steps(network.model, network.feed)
    try:
        while not _is_over(history, settings.epochs or 0, recipe.early_stopping):
            row = _epoch(network, steps, len(history) + 1, settings)
            _require_finite(row, recipe)
            _warn_of_standstill(row, history, network)
            longer = (*history, row)
            checkpoint.save(folder, network.identity, longer, network.model)
            write_history(longer, folder / "history.csv")
            if settings.tensorboard:
                write_events(folder / "tensorboard", row)
            history = longer
    except KeyboardInterrupt:
        if not history:
            raise
        return history, True
    return history, False


def _is_over(history: History, epochs: int, patience: int) -> bool:
    if len(history) >= epochs:
        return True
    return bool(patience and history and len(history) - checkpoint.best_epoch(history) >= patience)


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


def _epoch(network: Network, steps: tuple[Step, Step], epoch: int, settings: Settings) -> Epoch:
    started = perf_counter()
    model, feed = network.model, network.feed
    train, test = steps
    reseed(model, settings.seed, epoch)
    with settings.progress(f"Epoch {epoch} of {settings.epochs}", len(feed)) as advance:
        trained = go_through(model, train, feed.training(epoch), advance)
        validated = go_through(model, test, feed.validation(), advance)
    validation = {f"val_{name}": value for name, value in validated.items()}
    return Epoch(epoch, **trained, **validation, seconds=perf_counter() - started)
