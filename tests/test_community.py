"""What stands around the code: the citation, the table of tested Pythons, the forms for issues."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def document(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_is_of_the_newest_version() -> None:
    citation = document("CITATION.cff")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\] - (.*)$", changes, re.MULTILINE)
    assert newest is not None
    assert (str(citation["version"]), citation["date-released"]) == newest.groups()
    assert citation["license"] == project()["license"]
    assert citation["authors"] == project()["authors"]
    assert {"cff-version", "message", "title"} <= set(citation)


def test_every_supported_python_is_tested_and_no_other() -> None:
    jobs = document(".github/workflows/tests.yml")["jobs"].values()
    tested = {version for job in jobs for version in job["strategy"]["matrix"]["python"]}
    named = {line.rpartition(" ")[2] for line in project()["classifiers"] if ":: 3." in line}
    said = re.findall(r"3\.\d+", re.findall(r"^\| 3.*", (ROOT / "docs" / "versions.md").read_text("utf-8"), re.M)[0])
    said += re.findall(r"^\| (3\.\d+) \|", (ROOT / "docs" / "versions.md").read_text("utf-8"), re.MULTILINE)
    assert tested == named == set(said)
    assert min(tested) == project()["requires-python"].removeprefix(">=")


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_the_forms_are_whole(name: str) -> None:
    form = document(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert {field["type"] for field in form["body"]} <= {"textarea", "input"}
    assert all(field["attributes"]["label"] for field in form["body"])


def test_files_that_others_look_for_are_there() -> None:
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "CHANGELOG.md"):
        assert (ROOT / name).is_file(), name
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "CODE_OF_CONDUCT.md" in readme
