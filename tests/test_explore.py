"""What `explore` tells of pictures with faults, as plain values and on the terminal."""

import json
import sys
from pathlib import Path

import pytest

from drawn_pictures import drawing, save
from page_checks import read_page
from pawlab import cli
from pawlab.cli.tables import print_findings
from pawlab.exploration import explore
from picture_folders import write


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 drawings, 7 text files that are called pictures, one drawing twice, under two labels, with slight changes."""
    root = tmp_path_factory.mktemp("faulty")
    for number in range(24):
        save(drawing(number), root / ("dogs" if number % 2 else "cats") / f"{number:02}.jpg")
    for number in range(7):
        write(root / "cats" / f"text [{number}].jpg", f"No picture {number}.".encode())
    save(drawing(2).resize((160, 120)), root / "dogs" / "again.jpg")
    return root


def test_plain_values_hold_everything(faulty: Path) -> None:
    found = explore(faulty)
    assert [(finding["check"], finding["severity"]) for finding in found["findings"]] == [
        ("broken files", "serious"),
        ("near duplicates with two labels", "serious"),
    ]
    broken, near = (finding["groups"] for finding in found["findings"])
    assert [group[0]["picture"] for group in broken] == [f"cats/text [{number}].jpg" for number in range(7)]
    assert [item["picture"] for item in near[0]] == ["cats/02.jpg", "dogs/again.jpg"]
    assert near[0][1]["detail"] == "dogs, 160 x 120"
    assert json.loads(json.dumps(found)) == found


def test_broken_pictures_take_no_part_in_the_counts(faulty: Path) -> None:
    found = explore(faulty)
    assert sum(found["counts"][split]["cats"] for split in found["counts"]) == 12
    assert found["unreadable"] == 0
    assert [item["picture"] for item in found["set_aside"]] == [f"cats/text [{number}].jpg" for number in range(7)]


def test_the_terminal_shows_the_first_of_each(
    faulty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["pawlab", "explore", str(faulty)])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        cli.main()
    reason = "isn't a picture in a format that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, TGA)"
    assert capsys.readouterr().out.split("two splits)\n")[1].splitlines() == [
        "Read       validation has only 3 pictures: what is chosen by it is uncertain",
        "",
        "Serious: broken files",
        "7 files can't be read as pictures and were skipped. Replace or delete them.",
        *(f"  cats/text [{number}].jpg ({reason})" for number in range(5)),
        "  and 2 more; --json lists all",
        "",
        "Serious: near duplicates with two labels",
        "1 picture stands under more than one label with slight changes. At most one can be right: look at them, and "
        "remove the others.",
        f"  cats/02.jpg (cats, {_size(2)}) = dogs/again.jpg (dogs, 160 x 120)",
    ]


def test_the_terminal_says_that_nothing_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([])
    assert capsys.readouterr().out == "Findings   none\n"


def _size(number: int) -> str:
    return " x ".join(map(str, drawing(number).size))


def test_a_notebook_shows_counts_findings_and_pictures(faulty: Path, learnable_folder: Path) -> None:
    found = explore(faulty)
    page = read_page(found._repr_html_())
    assert not page.faults
    for finding in found["findings"]:
        assert f"{finding['severity']} : {finding['sentence']}" in page.text
    assert all(picture["src"].startswith("data:image/jpeg;base64,") for picture in page.all("img"))
    clean = explore(learnable_folder)
    page = read_page(clean._repr_html_())
    counts = clean["counts"]
    for label in clean["classes"]:
        assert " ".join([label, *(str(counts[split][label]) for split in counts)]) in page.text
    assert "No findings: nothing looks wrong." in page.text
    assert len(page.all("img")) == 6 * len(clean["classes"])
