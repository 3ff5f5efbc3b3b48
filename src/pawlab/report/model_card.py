"""What a run found out -> MODEL_CARD.md, which goes with the classifier where others get it.

Its headings are those of Mitchell et al. 2019 (arXiv:1810.03993), as far as a program can fill them in.
"""

from pathlib import Path
from typing import Any, NamedTuple

from pawlab.backbones.table import Backbone, find_backbone, is_file
from pawlab.datasets.known import KNOWN_DATA
from pawlab.recipes.recipe import Recipe
from pawlab.report.page import write_page

MODEL_CARD_FILE = "MODEL_CARD.md"

_SPLITS = ("test", "cross_validation", "validation")  # in the order in which they count


class NamedBackbone(NamedTuple):
    """A pretrained network; `row`: what is known of it, None for a user's own file."""

    name: str
    row: Backbone | None


def write_model_card(path: Path, recipe: Recipe, values: dict[str, Any]) -> None:
    """Write the card, in plain Markdown. `recipe`: as it was used; `values`: those of the report's page."""
    metrics = values["metrics"]
    known = {known.fingerprint: known.licence for known in KNOWN_DATA}
    write_page(
        path,
        "MODEL_CARD.md.j2",
        **values,
        columns={name.replace("_", "-"): metrics[name] for name in _SPLITS if "accuracy" in metrics.get(name, {})},
        backbone=_backbone(recipe),
        data_licence=known.get(values["record"]["data"]["fingerprint"]),
    )


def _backbone(recipe: Recipe) -> NamedBackbone | None:
    name = recipe.backbone
    if name is None:
        return None
    return NamedBackbone(Path(name).name, None) if is_file(name) else NamedBackbone(name, find_backbone(name))
