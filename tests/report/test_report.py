"""report.html says what the numbers say, to everyone, whatever the pictures and classes are called."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pawlab
from made_runs import HISTORY, HOSTILE, made_material
from page_checks import Page, assert_sound, read_page
from pawlab import pipeline as workflow
from pawlab.audit.findings import Finding, Mention
from pawlab.cli import app
from pawlab.datasets.dataset import Skipped
from pawlab.errors import OutputError, RecipeError
from pawlab.evaluation.calibration import reliability
from pawlab.evaluation.explain import Explainer, overlay
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.label_issues import LabelIssue
from pawlab.evaluation.metrics import wilson_interval
from pawlab.evaluation.paired import Paired
from pawlab.evaluation.verdict import judge
from pawlab.exploration import explore
from pawlab.names import listed
from pawlab.pipeline import compare
from pawlab.progress import Advance
from pawlab.report import plots
from pawlab.report.comparison import ComparedRun, write_comparison
from pawlab.report.glossary import explained
from pawlab.report.page import quoted, short, sureness
from pawlab.report.report import Material, write_report
from pawlab.report.shown import whole
from pawlab.runs import finish as results
from pawlab.runs.record import Run
from pawlab.templates import data_uri

PLOTS = (
    *("augmentation", "calibration", "confusion", "history", "precision_recall"),
    *("predictions", "roc", "samples"),
)
HEADINGS = ["Data", "Model", "Training", "Results", "Mistakes", "Label issues", "Reproduce"]
SCORED = ("test", "validation", "cross_validation")
OVERFITTED = tuple(Epoch(n, 0.1, 0.5 + n / 20, 0.7, 0.6, 1.0) for n in range(1, 11))


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return workflow.train(learnable_folder, out=tmp_path_factory.mktemp("runs") / "learnable run")


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return assert_sound(html_of(run.folder))


def html_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


# A run's own page


def test_a_run_gets_its_plots_and_its_page(run: Run, page: Page) -> None:
    for name in PLOTS:
        with Image.open(run.folder / "plots" / f"{name}.png") as image:
            assert min(image.size) > 200
    assert run.metrics["seconds"]["report"] > 0


def test_the_page_gives_the_figures_of_the_metrics_as_people_read_them(run: Run, page: Page) -> None:
    metrics = run.metrics
    assert "100.0 % of 6 test pictures were classified correctly." in page.text
    intervals = [f"{low * 100:.1f}–{high:.1%}" for low, high in (metrics[part]["ci95"] for part in SCORED)]
    assert f"the right one. {' '.join(f'100.0% {interval}' for interval in intervals)} Balanced accuracy" in page.text
    for key, digits in (("balanced_accuracy", ".1%"), ("macro_f1", ".3f"), ("log_loss", ".3f"), ("ece", ".1%")):
        plain = next(metric.plain for metric in explained(metrics["test"], 2) if metric.key == key)
        assert f"{plain} {' '.join(f'{metrics[part][key]:{digits}}' for part in SCORED)} " in page.text
    trained = sum(metrics["counts"]["train"].values())
    assert (
        f"On its {trained} training pictures accuracy is {metrics['train']['accuracy']:.1%} and loss, the mean "
        f"cross-entropy in nats, {metrics['train']['loss']:.3f}; on "
    ) in page.text
    assert f"{metrics['parameters']['total']:,} parameters; {metrics['parameters']['trainable']:,}" in page.text
    assert f"would get {metrics['baseline_accuracy']:.1%}" in page.text
    for sentence in metrics["verdict"]["sentences"]:
        assert sentence in page.text
    for label in metrics["classes"]:
        counts = [metrics["counts"][split][label] for split in ("train", "validation", "test")]
        assert f"{label} {' '.join(map(str, counts))} {sum(counts)}" in page.text


def test_the_page_repeats_the_run(run: Run, page: Page, learnable_folder: Path) -> None:
    assert f"pawlab train {learnable_folder} --recipe fast --seed 0" in page.text
    assert run.record["data"]["fingerprint"] in page.text
    for name, version in run.record["versions"].items():
        assert f"{name} {version}" in page.text


def test_the_headings_are_the_conventional_ones_in_the_documents_too(run: Run, page: Page) -> None:
    titles = re.findall(r'<h2 id="[^"]*">(.*?)</h2>', html_of(run.folder))
    assert titles == HEADINGS
    told = (Path(__file__).parents[2] / "docs" / "run_folder.md").read_text(encoding="utf-8")
    row = next(line for line in told.splitlines() if line.startswith("| `report.html`"))
    assert ", ".join(HEADINGS) in row


def test_every_layer_is_in_the_table(run: Run, page: Page) -> None:
    for layer in run.record["recipe"]["layers"]:
        shape = " × ".join(f"{size:,}" for size in layer["output_shape"])
        words = layer["kind"].replace("_", " ")
        assert re.search(rf"{words} [^×]*{shape} {layer['parameters']:,}", page.text)


def code_of(html: str) -> list[str]:
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", html, re.DOTALL)
    return [re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), block) for block in blocks]


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_the_code_on_the_page_works(
    fit: Any, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = workflow.train(learnable_folder, out=tmp_path / "a run", resize_mode=fit)
    code = [unescape(block) for block in code_of(html_of(made.folder))]
    examples = [block for block in code if "import" in block]
    assert len(examples) == 2
    picture = Image.open(learnable_folder / "warm-circles" / "00.png").resize((150, 90))
    picture.save(tmp_path / "photo.jpg", "PNG")
    monkeypatch.chdir(tmp_path)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(examples[0], {})
    expected = pawlab.load(made.folder).predict(tmp_path / "photo.jpg")
    assert told.getvalue() == f"{expected.label} {expected.probability} {expected.sure}\n"
    names: dict[str, Any] = {}
    exec(examples[1], names)
    in_order = [expected.probabilities[name] for name in made.metrics["classes"]]
    assert names["probabilities"][0] == pytest.approx(in_order, abs=1e-3)


def test_the_commands_on_the_page_are_those_of_the_program(run: Run) -> None:
    from typer.main import get_command

    commands = [block.split()[1] for block in code_of(html_of(run.folder)) if block.startswith("pawlab ")]
    assert commands == ["train", "predict", "evaluate", "explain", "serve"]
    assert set(commands) <= set(get_command(app).commands)  # type: ignore[attr-defined]


# Without a report


def test_no_report_leaves_it_out(learnable_folder: Path, tmp_path: Path) -> None:
    made = workflow.train(learnable_folder, out=tmp_path / "run", report=False)
    assert not (made.folder / "report.html").exists()
    assert not (made.folder / "plots").exists()
    assert made.metrics["seconds"]["report"] == 0


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_without_its_libraries_a_run_ends_well_and_says_so_in_one_line(
    library: str, learnable_folder: Path, tmp_path: Path
) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; "
        f"sys.argv = ['pawlab', 'train', {str(learnable_folder)!r}, '--out', {str(tmp_path / 'run')!r}]; "
        "from pawlab.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if not line.startswith("Writing the report")]  # on a busy machine
    assert told == [f"pawlab: plots and report were skipped: {library} can't be imported. Install it again."]
    assert "report.html" not in done.stdout
    assert Run(tmp_path / "run").metrics["test"]["accuracy"] == 1.0
    assert not (tmp_path / "run" / "report.html").exists()


def test_our_own_fault_in_the_report_costs_the_report_alone(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("in the report")

    monkeypatch.setattr(results, "write_report", broken)
    made = workflow.train(learnable_folder, out=tmp_path / "run")
    assert made.metrics["test"]["accuracy"] == 1.0
    assert "This is our own fault" in caplog.text
    assert "ZeroDivisionError: in the report" in caplog.text


def test_a_full_disk_leaves_no_half_a_run(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(results, "write_report", full)
    with pytest.raises(OutputError, match="no room"):
        workflow.train(learnable_folder, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


# Pages of made-up runs


def made_page(material: Material, folder: Path) -> Page:
    """Write the page alone, which is quick, and check it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save_png", lambda figure, path: None)
        write_report(material, folder)
    return assert_sound(html_of(folder))


def test_twenty_classes(tmp_path: Path) -> None:
    classes = [f"kind {number}" for number in range(20)]
    page = made_page(made_material(tmp_path / "data", classes, wrong=7), tmp_path)
    assert "Which of 20 classes does a picture show?" in page.text
    says = next(drawing["aria-label"] for drawing in page.all("svg") if "20 classes" in drawing["aria-label"])
    assert "kind 1: 3 kind 1, 2 kind 2; kind 2: 5 kind 2;" in says
    assert "kind 0 taken for kind 1: 5 of 5" in page.text
    assert "kind 1 taken for kind 2: 2 of 5" in page.text


def test_a_hundred_classes_have_a_drawing_for_confusion(tmp_path: Path) -> None:
    classes = [f"kind {number:03}" for number in range(100)]
    page = made_page(made_material(tmp_path / "data", classes, wrong=3), tmp_path)
    assert [drawing for drawing in page.all("svg") if "100 classes" in drawing["aria-label"]]
    assert "The first 24 of 100 classes." in page.text


def test_confusion_counts_stand_in_their_cells(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"], wrong=2), tmp_path)
    says = next(drawing["aria-label"] for drawing in page.all("svg") if "Confusion" in drawing["aria-label"])
    assert says.endswith("Each label, and what was predicted: cats: 3 cats, 2 dogs; dogs: 5 dogs.")
    assert "cats dogs predicted cats dogs label 3 60% 2 40% 0 0% 5 100% Confusion" in page.text
    assert "cats 5 60.0% 100.0% 0.750" in page.text
    assert "dogs 5 100.0% 71.4% 0.833" in page.text


def test_the_rarest_class_is_told_by_itself(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["common", "rare"], wrong=2)
    counts = {**material.metrics["counts"], "train": {"common": 100, "rare": 3}}
    page = made_page(replace(material, metrics={**material.metrics, "counts": counts}), tmp_path)
    assert (
        "The classes are unequal, and accuracy says little of the rarest, rare : 5 of its 5 pictures were predicted as "
        "it, a recall of 100.0% (95% interval 56.6–100.0%)."
    ) in page.text
    assert "The classes are unequal" not in made_page(material, tmp_path).text


def test_two_classes_have_curves_and_more_have_none(tmp_path: Path) -> None:
    two, three = (
        made_page(made_material(tmp_path / str(len(classes)), classes, wrong=1), tmp_path)
        for classes in (["cats", "dogs"], ["ants", "bees", "cats"])
    )
    says = [drawing["aria-label"] for drawing in two.all("svg")]
    assert any(words.startswith("ROC curve; the area under it is ") for words in says)
    assert any(words.startswith("Precision-recall curve; average precision is ") for words in says)
    assert "ROC AUC" in two.text
    assert "ROC" not in three.text
    assert not [drawing for drawing in three.all("svg") if "ROC" in drawing["aria-label"]]


def test_one_mistake(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"], wrong=1), tmp_path)
    assert "One of the 10 test pictures is classified wrongly." in page.text
    assert page.text.count("labelled cats") == 2  # among the answers, and among the mistakes
    assert "All 10 test pictures, in an order drawn at random; 1 of them is wrong." in page.text


def test_no_mistake(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"]), tmp_path)
    assert "None: all 10 test pictures are classified correctly." in page.text
    assert "still leaves up to 27.8% of mistakes" in page.text  # 1 - Wilson's lower bound for 10 of 10
    assert "wrong:" not in page.text


def test_mistakes_come_with_the_surest_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", [f"kind {number}" for number in range(4)], wrong=20)
    page = made_page(material, tmp_path)
    assert "20 of the 20 test pictures are classified wrongly. These are the 12 whose wrong predictions" in page.text
    shown = page.text.split("Mistakes")[-1].split("Label issues")[0]
    sureness_shown = [float(found) for found in re.findall(r"(\d+\.\d)% labelled", shown)]
    assert len(sureness_shown) == 12
    assert sureness_shown == sorted(sureness_shown, reverse=True)
    assert sureness_shown[0] == 95.0


def test_beside_a_mistake_stands_where_it_came_from(run: Run, tmp_path: Path) -> None:
    cold, warm = run.classifier.classes
    material = made_material(tmp_path / "data", (cold, warm), wrong=10)
    page = made_page(replace(material, classifier=run.classifier), tmp_path)
    assert "Beside each, where the prediction came from: the brighter a place, the more it spoke for it." in page.text
    shown = {image["alt"]: image for image in page.all("img")}
    assert sum(image["alt"].startswith("The same picture; bright") for image in page.all("img")) == 10
    drawn = [image["src"] for image in page.all("img")]
    for picture in material.test.pictures:
        answer = warm if picture.label == cold else cold
        heat = overlay(whole(picture), Explainer(run.classifier).heatmap(picture.path, answer))  # type: ignore[arg-type]
        assert drawn.count(data_uri(heat)) == 1
        assert f"The same picture; bright where it spoke for {answer}" in shown
    assert "Beside each" not in made_page(material, tmp_path).text


def test_the_plots_in_files_hold_the_runs_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: dict[str, Any] = {}
    monkeypatch.setattr(plots, "save_png", lambda figure, path: saved.update({path.stem: figure.axes}))
    material = made_material(tmp_path / "data", ["cats", "dogs"], wrong=2)
    write_report(material, tmp_path)
    assert sorted(saved) == list(PLOTS)
    validation = next(line for line in saved["history"][0].lines if line.get_label() == "validation")
    assert list(validation.get_ydata()) == [epoch.val_accuracy for epoch in HISTORY]
    assert [text.get_text() for text in saved["confusion"][0].texts] == ["3", "60%", "2", "40%", "0", "0%", "5", "100%"]
    bars = [bar.get_height() for bar in saved["calibration"][1].patches]
    assert bars == [
        entry.count for entry in reliability(material.test.probabilities, material.test.labels) if entry.count
    ]
    assert [len(saved[name][0].images) for name in ("samples", "augmentation", "predictions")] == [10, 2, 10]
    captions = " ".join(text.get_text() for text in saved["predictions"][0].texts)
    assert captions.count("labelled cats") == 2


def test_hostile_names_are_names(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", HOSTILE, wrong=6), tmp_path)
    for name in HOSTILE:
        assert page.text.count(name) >= 3
    assert len(page.all("b")) == 1  # the score


def test_names_that_are_not_unicode_are_written_all_the_same(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["caf\udce9", "tea"], wrong=1), tmp_path)
    assert "caf\\udce9" in page.text


def test_pictures_that_vanish_are_missed_and_said_so(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"], wrong=1)
    shutil.rmtree(tmp_path / "data")
    page = made_page(material, tmp_path)
    assert not page.all("img")
    missing = [attributes for _, attributes in page.tags if attributes.get("class") == "missing"]
    assert len(missing) > 20
    assert all(attributes["aria-label"].endswith("(can't be shown)") for attributes in missing)
    write_report(material, tmp_path)
    for name in PLOTS:
        assert (tmp_path / "plots" / f"{name}.png").is_file()


def test_curves_are_told_in_words(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"]), tmp_path)
    says = [drawing["aria-label"] for drawing in page.all("svg")]
    assert says[:2] == [
        "Accuracy over 10 epochs: in training from 54.5% to 95.5%, in validation from 54.0% to 90.0%; "
        "at epoch 9, the best, it is 86.0%.",
        "Loss over 10 epochs: in training from 0.650 to 0.200, in validation from 0.667 to 0.367; "
        "at epoch 9, the best, it is 0.400.",
    ]


def test_a_head_shows_what_was_chosen(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"])
    chosen = {"C": 0.1, "validation_loss_by_C": {"0.01": 0.3, "0.1": 0.2, "1.0": 0.25}}
    record = {**material.record, "chosen_on_validation": chosen}
    page = made_page(replace(material, record=record, history=HISTORY[:1]), tmp_path)
    assert page.all("svg")[0]["aria-label"] == (
        "Out-of-fold loss for 3 values of C; the smallest, 0.200, is at C = 0.1."
    )


def test_augmentation_is_shown_where_the_recipe_has_it(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"], recipe="b3"), tmp_path)
    changed = [image for image in page.all("img") if image["alt"].startswith("The picture, changed at random")]
    assert len(changed) == 8
    assert len({image["src"] for image in changed}) > 4
    assert "In training, recipe b3 augments each picture anew in every epoch" in page.text


def test_no_augmentation_is_said(page: Page) -> None:
    assert "Recipe fast doesn't augment: each picture is always the same" in page.text
    assert not [image for image in page.all("img") if image["alt"].startswith("The picture, changed")]


def test_no_findings_are_said(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"]), tmp_path)
    assert "What the checks found The checks found nothing that would spoil a score." in page.text


def test_files_without_a_picture_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    broken = tuple((Mention(f"cats/{number}.jpg", "is empty"),) for number in range(25))
    finding = Finding("broken files", "serious", "25 files can't be read.", broken)
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"], findings=(finding,)), tmp_path)
    assert "Broken files serious 25 files can't be read. cats/0.jpg: is empty cats/1.jpg: is empty" in page.text
    assert "cats/11.jpg" in page.text
    assert "cats/12.jpg" not in page.text
    assert "And 13 more." in page.text


def test_copies_are_shown_together_those_set_aside_too(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"])
    first, second = material.dataset.pictures[:2]
    left_out = replace(second, name="cats/left out.png")
    aside = (Skipped(left_out.name, "a copy", picture=left_out),)
    groups = ((Mention(first.name), Mention(left_out.name, "in train")),)
    finding = Finding("exact duplicates", "note", "1 picture is a copy.", groups)
    dataset = replace(material.dataset, skipped=aside)
    page = made_page(replace(material, dataset=dataset, findings=(finding,)), tmp_path)
    assert "Exact duplicates note 1 picture is a copy." in page.text
    alts = [image["alt"] for image in page.all("img")]
    assert f"{first.name}, labelled cats" in alts
    assert "cats/left out.png, labelled cats" in alts
    assert "left out.png cats in train" in page.text
    assert [attributes for attributes in page.all("ul") if attributes.get("class") == "groups"]


def test_doubtful_labels_are_shown_and_counted(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"])
    found = [LabelIssue(picture, "dogs", 0.9) for picture in material.dataset.pictures if picture.label == "cats"]
    many = tuple(found + found)
    page = made_page(replace(material, label_issues=many), tmp_path)
    assert "15 of 30 are shown" in page.text
    assert page.text.count("labelled cats looks like dogs") == 15
    page = made_page(replace(material, label_issues=many[:1]), tmp_path)
    assert page.text.count("labelled cats looks like dogs") == 1
    assert "are shown" not in page.text
    assert "No label looks wrong." in made_page(material, tmp_path).text


def test_calibration_is_told_before_and_after_and_in_words(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"], wrong=1)
    trust = {
        "calibration": {"test": {"before": 0.0345, "after": 0.0123}},
        "selective": {
            **material.metrics["selective"],
            "threshold": 0.76,
            "ood_threshold": 0.4,
            "test": {"coverage": 0.8, "accuracy": 0.99, "errors_caught": 0.25},
        },
    }
    page = made_page(replace(material, metrics={**material.metrics, **trust}), tmp_path)
    assert "they are 1.2% off on average" in page.text
    assert "before calibration it was 3.5%." in page.text
    assert "probability is 76.0% or more and the picture is like those that it was trained on" in page.text
    assert "test 80.0% 99.0% 25.0%" in page.text
    says = next(drawing["aria-label"] for drawing in page.all("svg") if "by their probability" in drawing["aria-label"])
    assert says.startswith("Predictions by their probability: ")
    assert says.endswith("2 at 95.0% on average, of which 50.0% correct.") or "of which 100.0% correct" in says


@pytest.mark.parametrize(
    ("right", "baseline", "said"),
    [
        (9, 0.5, "That is clearly better than always guessing"),
        (6, 0.5, "So few pictures can't tell that from always guessing"),
        (8, 0.5, "So few pictures can't tell that from always guessing"),  # p = 0.109
        (0, 0.5, "That is worse than always guessing"),
    ],
)
def test_a_score_is_held_against_guessing(right: int, baseline: float, said: str, tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"], wrong=10 - right)
    metrics = {**material.metrics, "baseline_accuracy": baseline}
    assert said in made_page(replace(material, metrics=metrics), tmp_path).text


def test_the_interval_of_the_answer_is_that_of_the_test(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"], wrong=3)
    validation = {"accuracy": 0.9, "loss": 0.2, "pictures": 800, "ci95": [0.877, 0.919], "baseline_accuracy": 0.5}
    validation = {**material.metrics["validation"], **validation}
    page = made_page(replace(material, metrics={**material.metrics, "validation": validation}), tmp_path)
    assert "70.0 % of 10 test pictures were" in page.text
    assert "may lie anywhere from 39.7% to 89.2% (95% interval)" in page.text
    assert "70.0% 39.7–89.2% 90.0% 87.7–91.9% Balanced" in page.text
    assert "Pictures 10 800" in page.text
    assert "on 800 validation pictures 90.0% and 0.200." in page.text
    scale = next(attributes for _, attributes in page.tags if attributes.get("class") == "ruler")
    assert scale["aria-label"] == ("Scale from 0 to 100%: result 70.0%, interval 39.7% to 89.2%, guessing 50.0%")
    assert "left:39.68%;right:10.78%" in [attributes.get("style") for attributes in page.all("span")]


def test_the_command_has_the_options_that_were_given(tmp_path: Path) -> None:
    page = made_page(made_material(tmp_path / "data", ["cats", "dogs"]), tmp_path)
    assert 'pawlab train "my photos/" --recipe fast --seed 7 --epochs 3 --resize-mode crop' in page.text
    assert 'pawlab predict "runs/made up" photos/' in page.text
    material = made_material(tmp_path / "again", ["cats", "dogs"])
    material.record["request"]["set"] = {"learning_rate": 0.001, "conv.activation": "relu", "rescale": [1, 2.5]}
    page = made_page(material, tmp_path)
    assert '--set learning_rate=0.001 --set conv.activation=relu --set "rescale=[1, 2.5]"' in page.text
    more = {"minutes": 2.5, "sure_at": 0.95, "balance": "weights", "cv": 3, "engines": {"device": "openvino"}}
    material.record["request"] |= {**more, "set": {}, "options": {"split": "70/15/15", "label_from_name": "^[a-z]+"}}
    page = made_page(material, tmp_path)
    given = "--minutes 2.5 --resize-mode crop --sure-at 0.95 --cv 3 --balance weights"
    assert f'{given} --split 70/15/15 --label-from-name "^[a-z]+" --device openvino' in page.text
    material.record["request"] |= {"more": ["first", "new photos"], "options": {"split_from": "runs/a-fast"}}
    assert 'pawlab train "new photos" --extend runs/a-fast' in made_page(material, tmp_path).text


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    told: list[Any] = []

    @contextlib.contextmanager
    def progress(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
        told.append((title, total, unit))
        yield told.append

    write_report(made_material(tmp_path / "data", ["cats", "dogs"]), tmp_path, progress)
    assert told == [("Writing the report", 4, "parts"), 1, 1, 1, 1]


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    material = made_material(tmp_path / "data", ["cats", "dogs"], wrong=1)
    pages = []
    for name in ("one", "two"):
        made_page(material, tmp_path / name)
        pages.append(html_of(tmp_path / name))
    assert pages[0] == pages[1]


# Small words


@pytest.mark.parametrize(
    ("probability", "read"),
    [(0.5, "50.0%"), (0.9994, "99.9%"), (0.9996, ">99.9%"), (1 - 1e-9, ">99.9%"), (1.0, "100.0%")],
)
def test_only_certainty_is_called_a_hundred_percent(probability: float, read: str) -> None:
    assert sureness(probability) == read


@pytest.mark.parametrize(
    ("argument", "typed"),
    [
        ("runs/a-fast", "runs/a-fast"),
        ("my photos", '"my photos"'),
        ("it's", '"it\'s"'),
        ("a$b c", "'a$b c'"),
        ("", '""'),
    ],
)
def test_arguments_are_quoted_for_every_shell(argument: str, typed: str) -> None:
    assert quoted(argument) == typed


def test_counts_and_lists_read_well() -> None:
    assert [short(number) for number in (2, 2562, 68_400, 2_967_520)] == ["2", "2,562", "68.4k", "2.97M"]
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


# explore's page


def test_explore_writes_a_page_that_shows_what_is_there(learnable_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "my data"
    shutil.copytree(learnable_folder, data)
    shutil.copy(data / "warm-circles" / "00.png", data / "warm-circles" / "copy.png")
    shutil.copy(data / "warm-circles" / "01.png", data / "cold-squares" / "wrong.png")
    (data / "cold-squares" / "empty.png").write_bytes(b"")
    found = explore(data, out=tmp_path / "out", recipe="a4")
    page = assert_sound((tmp_path / "out" / "explore.html").read_text(encoding="utf-8"))
    assert "62 pictures in 2 classes; 3 things worth a look." in page.text
    for finding in found["findings"]:
        if finding["check"] != "skipped":
            assert finding["sentence"] in page.text
    assert "cold-squares/empty.png: is empty" in page.text
    alts = " ".join(image["alt"] for image in page.all("img"))
    assert "warm-circles/copy.png, labelled warm-circles" in alts
    assert "cold-squares/wrong.png, labelled cold-squares" in alts
    assert "The picture, changed at random, example 8" in alts
    assert f'pawlab train "{data}" --recipe a4' in page.text
    json.dumps(found)


def test_explore_of_clean_pictures_says_so(learnable_folder: Path, tmp_path: Path) -> None:
    explore(learnable_folder, out=tmp_path)
    page = read_page((tmp_path / "explore.html").read_text(encoding="utf-8"))
    assert "60 pictures in 2 classes; nothing that would spoil a score." in page.text


def test_explore_tells_an_unknown_recipe_before_it_reads(tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        explore(tmp_path / "absent", out=tmp_path / "out", recipe="fsat")


# compare's page


def test_compare_writes_its_page(learnable_folder: Path, tmp_path: Path) -> None:
    compare(learnable_folder, ["fast"], tmp_path / "out")
    page = assert_sound((tmp_path / "out" / "comparison.html").read_text(encoding="utf-8"))
    assert "100.0 % of 6 test pictures are classified correctly by fast, the best in validation." in page.text
    links = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    assert links == ["fast/report.html"]
    assert (tmp_path / "out" / links[0]).is_file()


def test_compare_without_report_writes_none(learnable_folder: Path, tmp_path: Path) -> None:
    compare(learnable_folder, ["fast"], tmp_path / "out", report=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["comparison.json", "fast"]


def compared(
    name: str,
    validation: float,
    right: int,
    history: Sequence[Epoch] = HISTORY,
    against_best: Paired | None = None,
) -> ComparedRun:
    def score(accuracy: float, pictures: int) -> dict[str, Any]:
        ci95 = list(wilson_interval(round(accuracy * pictures), pictures))
        return {"accuracy": accuracy, "loss": 0.1, "pictures": pictures, "ci95": ci95}

    metrics = {
        "validation": {**score(validation, 800), "baseline_accuracy": 0.5},
        "test": score(right / 200, 200),
        "baseline_accuracy": 0.5,
        "parameters": {"total": 3_000_000, "trainable": 2_967_520},
        "seconds": {"total": 820.0},
        "verdict": judge(history, 0.5, (2000, 800)),
    }
    return ComparedRun(name, f"Title of {name}", metrics, history, f"{name}/report.html", (0.59, 0.64), against_best)


def test_a_comparison_names_the_best_in_validation_not_in_the_test(tmp_path: Path) -> None:
    worse, close = Paired(115, 5, 72, 8), Paired(180, 8, 7, 5)
    runs = [
        compared("a1", 0.60, 120, OVERFITTED, worse),
        compared("a4", 0.95, 188, against_best=close),
        compared("fast", 0.99, 187, HISTORY[:1]),
    ]
    write_comparison(tmp_path / "comparison.html", "cats-and-dogs", runs)
    page = assert_sound((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert "93.5 % of 200 test pictures are classified correctly by fast, the best in validation." in page.text
    assert "On the test pictures it does better than a1." in page.text
    assert "200 test pictures are too few to tell it from a4." in page.text
    (low, high), (worst, least) = close.ci95, worse.ci95
    assert f"+0.5 {low * 100:+.1f} to {high * 100:+.1f}; p 1.000" in page.text
    assert f"-33.5 {worst * 100:+.1f} to {least * 100:+.1f}; p < 0.001" in page.text
    assert "a1 Title of a1; overfits" in page.text
    assert "60.0% published 59.0–64.0% 60.0% 53.1–66.5% -33.5" in page.text
    assert [link["href"] for link in page.all("a") if "report" in link["href"]] == [
        f"{name}/report.html" for name in ("a1", "a4", "fast")
    ]
    assert (tmp_path / "comparison.png").is_file()


def test_a_comparison_says_what_decides_between_equals(tmp_path: Path) -> None:
    said = []
    for validation in (0.98, 0.99):
        runs = [compared("a4", validation, 188, HISTORY[:1]), compared("fast", 0.99, 187, HISTORY[:1])]
        write_comparison(tmp_path / "comparison.html", "cats-and-dogs", runs)
        text = assert_sound((tmp_path / "comparison.html").read_text(encoding="utf-8")).text
        said.append("by the lowest loss among the 2 that are as accurate there, not by its test score" in text)
    assert said == [False, True]


def test_a_comparison_of_one(tmp_path: Path) -> None:
    write_comparison(tmp_path / "comparison.html", "made up", [compared("<b>", 0.9, 180)])
    page = assert_sound((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert "classified correctly by <b>" in page.text
