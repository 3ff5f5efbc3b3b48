"""How many answers `pawlab label` needs, asked in its order and in random order: curves for docs/howto/label.md.

    python benchmarks/label.py cats-and-dogs --held-out validation --pool 1000 --answers 60 --out docs/label_cats.json
    python benchmarks/label.py cat_breeds.zip --answers 300 --step 5 --out docs/label_breeds.json

    python benchmarks/label.py cats-and-dogs --held-out validation --chromium /usr/bin/chromium

A scripted person answers with the true label; with --chromium once, on the page, in a real browser (needs Playwright).
The classifier is what `believe` fits; its accuracy is of pictures that are held back: a split of the data, or 300 drawn
anew for each seed.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from time import sleep

import numpy as np

from pawlab.datasets.labels import Labels
from pawlab.datasets.options import DataOptions
from pawlab.progress import silent
from pawlab.review.labelling import Labelling
from pawlab.review.material import Material, labelled_material
from pawlab.review.suggest import Pool, believe

HELD_BACK = 300


def drawn(material: Material, split: str | None, pool: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of the pool and of what is held back."""
    order = np.random.default_rng(seed).permutation(len(material.pictures))
    if split is None:
        return order[HELD_BACK:][:pool], order[:HELD_BACK]
    held = np.array([material.pictures[place].split != "train" for place in order])
    return order[~held][:pool], order[held]


def curve(material: Material, pool: np.ndarray, held: np.ndarray, options: argparse.Namespace, seed: int, asking: bool):
    """Yield answers so far, accuracy on what is held back, and the estimate."""
    labels = np.array([material.classes.index(picture.label) for picture in material.pictures])
    features = np.concatenate([material.features[pool], material.features[held]])
    contents, classes = [str(place) for place in range(len(features))], len(material.classes)
    chooser, order = Pool(material.features[pool]), np.random.default_rng(seed).permutation(len(pool))
    asked: list[int] = []
    belief = None
    while len(asked) < options.answers:
        if asking:
            asked += chooser.choose(options.step, np.array(asked, np.intp), belief)
        else:
            asked += order[len(asked) : len(asked) + options.step].tolist()
        found = believe(features, np.array(asked), labels[pool][asked], contents, classes)
        if found is None:
            continue
        belief = found.probabilities[: len(pool)]
        right = found.probabilities[len(pool) :].argmax(axis=1) == labels[held]
        yield len(asked), float(right.mean()), found.accuracy


def in_browser(material: Material, pool: np.ndarray, held: np.ndarray, options: argparse.Namespace) -> None:
    """Answer on the page, by keys, and print the accuracy on what is held back."""
    from playwright.sync_api import sync_playwright

    from review import served

    labels = np.array([material.classes.index(picture.label) for picture in material.pictures])
    truth = {material.pictures[place].name: int(labels[place]) for place in pool}
    pictures = tuple(replace(material.pictures[place], label="", split=None) for place in pool)
    unlabelled = replace(material, pictures=pictures, features=material.features[pool], near=())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        session = Labelling(unlabelled, Labels(Path(folder) / "labels.csv"), Path(folder) / "out")
        browser = driver.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        with served(session) as port:
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            for count in range(1, options.answers + 1):
                page.wait_for_selector("#name:not(:empty)")
                name = page.inner_text("#name")
                page.keyboard.press(str(truth[name] + 1))
                page.wait_for_function("name => document.querySelector('#name').textContent !== name", arg=name)
                sleep(options.pause)
                if count % 10 == 0 and session.fit:
                    found = session.fit.known[session.fit.probe.logits(material.features[held]).argmax(axis=1)]
                    print(
                        f"{count} answers: {(found == labels[held]).mean():.1%} of {len(held):,} held back", flush=True
                    )
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--held-out", choices=["validation"])
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--answers", type=int, default=60)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--chromium")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two answers in the browser")
    options = parser.parse_args()
    material = labelled_material(options.data, DataOptions(), silent)
    if options.chromium:
        in_browser(material, *drawn(material, options.held_out, options.pool, 0), options)
        return
    curves: dict[str, list] = {"asked": [], "random": []}
    for seed in range(options.seeds):
        pool, held = drawn(material, options.held_out, options.pool, seed)
        for name, found in curves.items():
            found.append(list(curve(material, pool, held, options, seed, name == "asked")))
            print(
                seed,
                name,
                [f"{count}: {accuracy:.3f}" for count, accuracy, _ in found[-1] if count % 20 == 0],
                flush=True,
            )
        Path(options.out or "label_curves.json").write_text(
            json.dumps({"data": material.name, "curves": curves}) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
