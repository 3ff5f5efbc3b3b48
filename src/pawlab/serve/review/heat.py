"""Heat maps of the classifier that a session's suggestions come from."""

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from pawlab import __version__
from pawlab.card import Card
from pawlab.classifier import FILE_NAME, Classifier, save_classifier
from pawlab.errors import PawlabError
from pawlab.graphs.edit import add_linear_classifier
from pawlab.images import read_file
from pawlab.review.session import Session
from pawlab.serve.limits import Limits
from pawlab.serve.predictor import Predictor
from pawlab.serve.uploads import Upload


class HeatMaps:
    """Draws them by the answers so far: the classifier is made at the first request, and anew after others."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = Lock()
        self._made: tuple[int, Predictor] | None = None

    def draw(self, content: str, label: str | None) -> bytes:
        """Return a picture as PNG: the brighter a region, the more it contributes to a class, or the most probable one.

        Raises PawlabError where labels are of fewer than two classes, or there is no such picture.
        """
        path = self._session.find(content).path
        predictor = self._predictor()
        label = label if label in predictor.classifier.classes else None
        return predictor.heat_map(Upload(path.name, read_file(path)), label)

    def _predictor(self) -> Predictor:
        with self._lock:
            version = self._session.version
            if self._made is None or self._made[0] != version:
                self._made = version, self._make()
            return self._made[1]

    def _make(self) -> Predictor:
        session = self._session
        fit, material = session.fit, session.material
        if fit is None:
            raise PawlabError("a heat map needs labels of two classes.")
        graph = add_linear_classifier(material.graph.path.read_bytes(), fit.probe.weights, fit.probe.bias)
        names = tuple(session.classes[place] for place in fit.known.tolist())
        with TemporaryDirectory(prefix="pawlab-review-") as folder:
            path = Path(folder) / FILE_NAME
            save_classifier(graph, Card(names, material.preprocess, "review", __version__, threshold=0.0), path)
            predictor = Predictor(Classifier.load(path), Limits())
            _ = predictor.explainer  # which reads the file once more
        return predictor
