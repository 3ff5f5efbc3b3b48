"""A recipe with the user's own network in place of its backbone."""

import re
from dataclasses import replace
from pathlib import Path

from pawlab.backbones.load import backbone_graph, own_size
from pawlab.backbones.table import FILE_ENDING, is_file
from pawlab.errors import RecipeError, WeightsError
from pawlab.graphs.runtime import open_graph
from pawlab.progress import Progress, silent
from pawlab.recipes.layers import backbone
from pawlab.recipes.recipe import Recipe


def with_own_backbone(recipe: Recipe, path: Path, weights: Path | None = None, progress: Progress = silent) -> Recipe:
    """Return the recipe with the network of an ONNX file, at the size that it takes, else at the recipe's own.

    The network is tried out, and the facts of its layers go into the options. Raises RecipeError where the
    recipe fits no linear probe or `weights` are given beside, WeightsError where the network can't serve.
    """
    if recipe.trains_in_epochs:
        raise RecipeError(
            f"the recipe '{recipe.name}' trains layers on a network's inner maps, which --backbone doesn't give. "
            "Take one that fits a linear probe, such as fast."
        )
    if not is_file(path.name):
        raise WeightsError(f"{path} isn't an ONNX file: the name of a backbone ends with {FILE_ENDING}.")
    own = path.absolute()
    size = own_size(str(own)) or (recipe.preprocess.height, recipe.preprocess.width)
    graph = backbone_graph(str(own), size, weights, progress)
    row = graph.backbone
    layer = backbone(row.name).having(
        sha256=graph.checksum,
        parameters=row.parameters,
        feature_map=open_graph(graph.path).outputs.get("feature_map", ["n", 1, 1, row.channels])[1:],
    )
    name_part = re.sub(r"[^\w.+-]", "-", path.stem)
    return replace(
        recipe,
        name=f"{recipe.name}-{name_part}",
        title=f"Frozen {path.stem} and logistic regression",
        source=path.name,
        purpose="A network of one's own.",
        preprocess=replace(recipe.preprocess, height=size[0], width=size[1]),
        layers=tuple(layer if old.kind == "backbone" else old for old in recipe.layers),
        published={},
        measured={},
    )
