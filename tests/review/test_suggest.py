"""Which pictures are asked about, and how good the classifier then is said to be."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pawlab
from pawlab.errors import PawlabError
from pawlab.review.probes import fit
from pawlab.review.suggest import Pool, believe

NONE = np.array([], np.intp)


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Four clusters of 50 pictures in 20 dimensions, and one freak far from all."""
    random = np.random.default_rng(0)
    centres = 4 * np.eye(4, 20)
    features = np.concatenate([centre + random.normal(size=(50, 20)) for centre in centres])
    return np.concatenate([features, np.full((1, 20), -9.0)]).astype(np.float32), np.repeat(
        np.arange(5), [50] * 4 + [1]
    )


def test_the_first_questions_come_from_all_clusters_but_not_the_freak(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = clusters
    chosen = Pool(features).choose(8, NONE, None)
    assert set(labels[chosen]) == {0, 1, 2, 3}


def test_none_is_asked_twice_and_all_are_asked_in_the_end(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, _ = clusters
    pool, asked = Pool(features), np.arange(0, 201, 2)
    chosen = pool.choose(1000, asked, None)
    assert sorted([*chosen, *asked]) == list(range(201))


def test_the_uncertain_come_first(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, _ = clusters
    probabilities = np.tile([0.99, 0.01], (201, 1))
    probabilities[[3, 77, 190]] = [0.5, 0.5]
    chosen = Pool(features).choose(3, NONE, probabilities)
    assert sorted(chosen) == [3, 77, 190]


def test_the_estimate_is_near_the_truth(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = clusters[0][:-1], clusters[1][:-1]
    pool, asked, belief = Pool(features), NONE, None
    contents = [str(number) for number in range(200)]
    while len(asked) < 40:
        asked = np.array([*asked, *pool.choose(1, asked, None if belief is None else belief.probabilities)])
        belief = believe(features, asked, labels[asked], contents, 4)
    assert belief
    assert belief.accuracy is not None
    correct = (belief.probabilities.argmax(axis=1) == labels).mean()
    assert correct > 0.95
    assert belief.accuracy == pytest.approx(correct, abs=0.1)


def test_nothing_is_believed_of_one_class(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    features, _ = clusters
    assert believe(features, np.array([0, 1]), np.array([1, 1]), ["a"] * 201, 2) is None


@pytest.mark.parametrize(("labelled", "held"), [(60, True), (80, True), (95, False), (30, False)])
def test_c_is_held_while_there_are_nearly_as_many_labels(
    clusters: tuple[np.ndarray, np.ndarray], labelled: int, held: bool
) -> None:
    features, labels = clusters
    contents, rows = [str(number) for number in range(201)], np.random.default_rng(0).permutation(200)
    first = fit(features, rows[:60], labels[rows[:60]], contents, 4)
    assert first is not None
    before = replace(first, probe=replace(first.probe, C=1e-5))  # as nothing would choose it
    now = fit(features, rows[:labelled], labels[rows[:labelled]], contents, 4, before)
    assert now is not None
    assert (now.probe.C == 1e-5, now.chosen_by) == (held, 60 if held else labelled)


def test_suggestions_for_a_folder(learnable_folder: Path) -> None:
    first = pawlab.suggest(learnable_folder, count=6)
    assert len({one.picture for one in first}) == 6
    assert {one.label for one in first} == {None}
    answers = {one.picture: Path(one.picture).parent.name for one in first}
    assert set(answers.values()) == {"cold-squares", "warm-circles"}
    more = pawlab.suggest(learnable_folder, answers, 54)
    assert not answers.keys() & {one.picture for one in more}
    correct = [one.label == Path(one.picture).parent.name for one in more]
    assert sum(correct) >= 50
    assert all(0.5 <= one.probability <= 1 for one in more)


def test_an_answer_for_a_copy_is_one_for_its_content(learnable_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(learnable_folder, folder)
    first, second = (folder / "cold-squares" / name for name in ("00.png", "copy.png"))
    shutil.copy(first, second)
    answers = {str(second): "cold", str(folder / "warm-circles" / "00.png"): "warm"}
    asked = {one.picture for one in pawlab.suggest(folder, answers, 100)}
    assert len(asked) == 58  # of 60 contents
    assert not {str(first), str(second)} & asked


def test_an_answer_for_a_picture_that_is_not_there(learnable_folder: Path) -> None:
    with pytest.raises(PawlabError) as caught:
        pawlab.suggest(learnable_folder, {"x.jpg": "cats"})
    assert str(caught.value) == "there is an answer for x.jpg, which isn't among the pictures. Name it as they do."


def test_hard_answers_alone_do_not_make_the_probe_forget() -> None:
    """Labels that contradict the pictures' likeness want C to be next to nothing; that isn't followed."""
    random = np.random.default_rng(0)
    labels = np.arange(24) % 2
    hard = random.normal(size=(24, 40)).astype(np.float32)
    contents = [str(place) for place in range(24)]
    found = fit(hard, np.arange(24), labels, contents, 2)
    assert found is not None
    assert found.probe.C == 0.1
    easy = fit(hard + 5 * labels[:, None].astype(np.float32), np.arange(24), labels, contents, 2)
    assert easy is not None
    assert easy.chosen_by == 24
    assert (easy.logits.argmax(axis=1) == labels).all()


def test_a_count_of_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^count is 0; it must be 1 or more$"):
        pawlab.suggest(tmp_path, count=0)
