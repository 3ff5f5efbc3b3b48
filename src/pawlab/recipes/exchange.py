"""A recipe with another network in place of its backbone: one of the table, an ONNX file, or one of a hub."""

import re
from dataclasses import replace
from pathlib import Path

from pawlab.backbones.hub import PREFIX, is_on_hub
from pawlab.backbones.load import backbone_graph, fetched, own_size, probe_stages
from pawlab.backbones.table import FILE_ENDING, find_backbone, is_file
from pawlab.errors import RecipeError, WeightsError
from pawlab.graphs.edit import FEATURES_ARE
from pawlab.graphs.runtime import open_graph
from pawlab.progress import Progress, silent
from pawlab.recipes.layers import AUGMENTATION, backbone
from pawlab.recipes.recipe import Layer, Recipe, probe_layers

AUTO = "auto"  # in place of a name: the best of those at hand

Size = tuple[int, int]  # height, width


def with_backbone(recipe: Recipe, name: str, weights: Path | None = None, progress: Progress = silent) -> Recipe:
    """Return the recipe with another network, at the size that it is meant for, else at the recipe's own.

    `name`: of the table, the path of an ONNX file, or hf:OWNER/REPO[:FILE][@REVISION]. The network is prepared, and a
    file's is tried out; the facts of its layers go into the options. Raises RecipeError where the recipe fits no linear
    probe, there is no such network or `weights` don't go with it, WeightsError where the network can't serve.
    """
    require_probe(recipe)
    if not is_file(name) and not is_on_hub(name) and (Path(name).suffix or Path(name).exists()):
        raise WeightsError(f"{name} isn't an ONNX file: the name of a backbone ends with {FILE_ENDING}.")
    found = fetched(name, progress)
    path = found.path if found else str(Path(name).absolute()) if is_file(name) else None
    size = own_size(path or name) or (recipe.preprocess.height, recipe.preprocess.width)
    layer = _layer(path or name, size, weights, progress)
    if found:
        layer = layer.having(hub=found.to_dict())
    short = found.repo if is_on_hub(name) and found else Path(name).stem if is_file(name) else name
    source = f"{PREFIX}{found.repo}" if found else Path(name).name if path else find_backbone(name).paper
    purpose = "A network of one's own." if is_file(name) else "Another pretrained network."
    return _exchanged(recipe, layer, size, short, source, purpose)


def require_probe(recipe: Recipe) -> None:
    """Raise RecipeError unless the recipe fits a linear probe, with which any network goes."""
    if recipe.trainer == "keras":
        raise RecipeError(
            f"the recipe '{recipe.name}' trains layers on a network's inner maps, which --backbone doesn't give. "
            "Take one that fits a linear probe, such as fast."
        )


def _layer(name: str, size: Size, weights: Path | None, progress: Progress) -> Layer:
    graph = backbone_graph(name, size, weights, progress, stages=probe_stages(name))
    if not is_file(name):
        return backbone(name, stages=list(probe_stages(name)))
    row, opened = graph.backbone, open_graph(graph.path)
    return backbone(name).having(
        sha256=graph.checksum,
        parameters=row.parameters,
        feature_map=opened.outputs.get("feature_map", ["n", 1, 1, row.channels])[1:],
        features=opened.metadata.get(FEATURES_ARE, ""),
    )


def _exchanged(recipe: Recipe, layer: Layer, size: Size, short: str, source: str, purpose: str) -> Recipe:
    tuned = recipe.trainer == "finetune"
    before = tuple(one for one in recipe.layers if one.kind in AUGMENTATION)
    after = tuple(one for one in recipe.layers if one.kind == "fine_tune")
    fitting = re.sub(r"[^\w.+-]", "-", short)
    return replace(
        recipe,
        name=f"{recipe.name}-{fitting}",
        title=f"{short}, fine-tuned" if tuned else f"Frozen {short} and logistic regression",
        source=source,
        purpose=purpose,
        preprocess=replace(recipe.preprocess, height=size[0], width=size[1]),
        layers=(*before, *probe_layers(layer), *after),
        small_size=0,
        published={},
        measured={},
    )
