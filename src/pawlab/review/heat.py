"""The classifier that a session's suggestions come from, as a file, so that heat maps can be drawn of it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import numpy as np

from pawlab import __version__
from pawlab.card import Card
from pawlab.classifier import FILE_NAME, Classifier, save_classifier
from pawlab.errors import PawlabError
from pawlab.graphs.edit import add_linear_classifier
from pawlab.review.session import Session
from pawlab.trainers.linear_probe import fit_probe


class SessionClassifier:
    """Gives the classifier of the answers so far; made where it is asked for, and kept until there are others."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = Lock()
        self._folder = TemporaryDirectory(prefix="pawlab-review-")
        self._made: tuple[int, Classifier] | None = None

    def classifier(self) -> Classifier:
        """Return the classifier. Raises PawlabError where labels are of fewer than two classes."""
        with self._lock:
            version = self._session.version
            if self._made is None or self._made[0] != version:
                self._made = version, self._make()
            return self._made[1]

    def _make(self) -> Classifier:
        session = self._session
        features, labels, C = session.learned()  # noqa: N806
        known, positions = np.unique(labels, return_inverse=True)
        if len(known) < 2:
            raise PawlabError("a heat map needs labels of two classes.")
        probe, material = fit_probe(features, positions, C), session.material
        graph = add_linear_classifier(material.graph.path.read_bytes(), probe.weights, probe.bias)
        names = tuple(session.classes[place] for place in known.tolist())
        path = Path(self._folder.name) / FILE_NAME
        save_classifier(graph, Card(names, material.preprocess, "review", __version__, threshold=0.0), path)
        return Classifier.load(path)
