"""Where a run's features come from: the store, and the frozen network for what isn't there yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pawlab.backbones.load import BackboneGraph, backbone_graph
from pawlab.datasets.dataset import Picture
from pawlab.features.extract import Extracted, extract_features
from pawlab.images import Preprocess
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class FeatureSource:
    """Gives networks and their features, and reports its progress."""

    progress: Progress = silent

    def backbone(self, name: str, preprocess: Preprocess, weights: Path | None = None) -> BackboneGraph:
        """Return a pretrained network for pictures of that size. Raises what `backbone_graph` raises."""
        return backbone_graph(name, (preprocess.height, preprocess.width), weights, self.progress)

    def features(self, pictures: Sequence[Picture], graph: BackboneGraph, preprocess: Preprocess) -> Extracted:
        """Return the network's features for each picture that can be decoded."""
        return extract_features(pictures, graph, preprocess, self.progress)
