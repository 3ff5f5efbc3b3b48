"""What keeps the house in order: layers, imports, lightness, the tree in CONTRIBUTING.md, the repository's contents."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pawlab

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pawlab"

# A module imports from lower lines or from its own folder. `pawlab` itself, __init__.py, is the face: it shows what the
# others hold, and they take nothing from it but its version.
LAYERS = (
    "install",
    "errors names progress waiting",
    "memory parallel storage",
    "graphs images",
    "files templates",
    "engines",
    "backbones card datasets notebook",
    "audit classifier pictures recipes",
    "features",
    "evaluation",
    "trainers",
    "export",
    "report",
    "runs",
    "exploration pipeline estimators",
    "review",
    "serve",
    "cli",
    "__main__",
)

# What may be imported only here: a module, or a folder with all that is in it. Nowhere, where nothing stands.
_KERAS_PLACES = "graphs.keras_runtime trainers.keras export backbones.keras_applications"
_NETWORK_PLACES = "files.download serve"
ONLY_IN = {
    "tensorflow": _KERAS_PLACES,
    "keras": _KERAS_PLACES,
    "matplotlib": "report.plots",
    "ray": "engines.cluster",
    "sklearn": "trainers estimators evaluation",
    "typer": "cli",
    "IPython": "progress",
    "rich": "cli",
    "fastapi": "serve",
    "uvicorn": "serve",
    "urllib.request": _NETWORK_PLACES,
    "http.client": _NETWORK_PLACES,
    "http.server": "",
    "socket": f"{_NETWORK_PLACES} engines.cluster",
    "ssl": _NETWORK_PLACES,
    "ftplib": "",
    "requests": "",
    "urllib3": "",
    "httpx": "",
    "huggingface_hub": "backbones.hub",
    "pickle": "backbones.restricted_pickle",
    "shelve": "",
    "marshal": "",
    "joblib": "",
    "torch": "",
    "jax": "",
    "pandas": "classifier",
    "fsspec": "files.stores",
    "aiohttp": "files.stores",
}

HEAVY = (
    "numpy",
    "PIL",
    "onnx",
    "onnxruntime",
    "sklearn",
    "scipy",
    "matplotlib",
    "pyarrow",
    "pydantic",
    "filelock",
    "fsspec",
    "tensorflow",
    "keras",
)


@cache
def modules() -> dict[str, Path]:
    """Return every module by its dotted name below pawlab; a folder's __init__ goes by the folder's name."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names[".".join(parts).removesuffix("__init__").removesuffix(".")] = path
    return names


@cache
def imports(module: str) -> tuple[str, ...]:
    """Return all that a module imports, wherever in it, as dotted names; our own begin with `pawlab`."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    return tuple(name for node in ast.walk(tree) for name in _imported(node))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(module: str) -> set[str]:
    """Return which of our modules a module imports. `pawlab` itself doesn't count."""
    names = (name.removeprefix("pawlab.") for name in imports(module) if name.startswith("pawlab."))
    found = {name if name in modules() else name.rpartition(".")[0] for name in names}
    return found - {"", module}


def top(module: str) -> str:
    return module.partition(".")[0]


def layer_of(module: str) -> int:
    found = [number for number, names in enumerate(LAYERS) if top(module) in names.split()]
    assert len(found) == 1, f"{module} belongs into one layer of the table in {Path(__file__).name}"
    return found[0]


def within(module: str, places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places.split())


EVERY_MODULE = pytest.mark.parametrize("module", [name for name in modules() if name])


@EVERY_MODULE
def test_a_module_imports_only_from_below_or_its_own_folder(module: str) -> None:
    layer = layer_of(module)
    for other in own_imports(module):
        assert top(other) == top(module) or layer_of(other) < layer, f"{module} imports {other}"


@EVERY_MODULE
def test_what_is_kept_to_one_place_is_imported_only_there(module: str) -> None:
    for name in imports(module):
        for kept, places in ONLY_IN.items():
            if name == kept or name.startswith(f"{kept}."):
                assert within(module, places), f"{module} imports {name}, which only {places or 'nobody'} may"


def test_imports_form_no_cycle() -> None:
    graph = {module: own_imports(module) for module in modules() if module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' -> '.join(error.args[1])}")


@EVERY_MODULE
def test_whatever_is_imported_is_declared(module: str) -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"]
    asked = [*table["dependencies"], *(line for extra in extras.values() for line in extra)]
    spelled = {"pillow": "PIL", "scikit-learn": "sklearn"}
    declared = {spelled.get(name, name.replace("-", "_")) for name in map(requirement_name, asked)}
    through_scikit_learn = {"scipy", "threadpoolctl"}
    there_in_notebooks = {"IPython", "pandas"}
    allowed = declared | through_scikit_learn | there_in_notebooks | set(sys.stdlib_module_names) | {"pawlab"}
    assert {top(name) for name in imports(module)} <= allowed


def test_names_say_what_is_inside() -> None:
    forbidden = {"utils", "util", "helpers", "common", "misc", "tools"}
    assert not {module for module in modules() if forbidden & set(module.split("."))}


def test_functions_are_short() -> None:
    """None has more than 40 lines below its signature, nine in ten have 25 at most."""
    lengths = {}
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lengths[f"{module}.{node.name}:{node.lineno}"] = (node.end_lineno or 0) - node.body[0].lineno + 1
    assert {name: length for name, length in lengths.items() if length > 40} == {}
    assert sum(length <= 25 for length in lengths.values()) >= 0.9 * len(lengths)


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


LOADED = "; import sys; print(*sorted(set(sys.argv[1:]) & set(sys.modules)))"


def test_importing_pawlab_loads_nothing_heavy() -> None:
    run = run_python("import pawlab" + LOADED, *HEAVY, "typer", "rich", "pawlab.pipeline")
    assert (run.stdout, run.stderr) == ("\n", "")


def test_the_command_line_alone_loads_nothing_heavy() -> None:
    run = run_python("import pawlab.cli" + LOADED, *HEAVY, "pawlab.pipeline")
    assert (run.stdout, run.stderr) == ("\n", "")


def test_the_public_names_exist() -> None:
    for name in pawlab.__all__:
        assert getattr(pawlab, name) is not None


# A process in which the frameworks can't be imported; then what follows.
BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "matplotlib", "ray", "torch", "jax"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
"""
COMMAND = BLOCKED + "from pawlab.cli import main; main()"


def test_the_blocker_blocks() -> None:
    run = run_python(BLOCKED + "import keras")
    assert run.stderr.splitlines()[-1] == "ImportError: keras is blocked"


def test_without_frameworks_every_module_outside_their_places_is_imported() -> None:
    outside = [name for name in modules() if not within(name, f"{_KERAS_PLACES} report.plots serve pictures")]
    code = BLOCKED + "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    run = run_python(code, *(f"pawlab.{name}".rstrip(".") for name in outside))
    assert (run.returncode, run.stderr) == (0, "")


def test_without_frameworks_the_default_trains_predicts_and_evaluates(learnable_folder: Path, tmp_path: Path) -> None:
    help_page = run_python(COMMAND, "--help")
    assert (help_page.returncode, help_page.stderr) == (0, "")
    folder, picture = tmp_path / "run", learnable_folder / "warm-circles" / "03.png"
    trained = run_python(COMMAND, "train", str(learnable_folder), "--out", str(folder), "--json")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["validation"]["accuracy"] == 1.0
    predicted = run_python(COMMAND, "predict", str(folder), str(picture), "--format", "csv")
    assert predicted.returncode == 0, predicted.stderr
    assert "warm-circles" in predicted.stdout.splitlines()[1].replace(str(picture), "")


def tree_in(text: str) -> dict[str, set[str]]:
    """Return what a tree lists: the names in each folder, a folder's own name ending with /.

    The tree is a block that opens with `src/pawlab/`; deeper lines stand further in; a comment may follow a name.
    """
    block = re.search(r"^```\w*\nsrc/pawlab/[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block is not None, "there is no tree"
    listed: dict[str, set[str]] = {}
    open_folders: list[tuple[int, str]] = [(-1, "")]
    for line in filter(str.strip, block[1].splitlines()):
        depth, entry = len(line) - len(line.lstrip()), line.split()[0]
        if entry.startswith("#"):
            continue
        while depth <= open_folders[-1][0]:
            open_folders.pop()
        folder = open_folders[-1][1]
        listed.setdefault(folder, set()).add(entry)
        if entry.endswith("/"):
            open_folders.append((depth, folder + entry))
    return listed


def test_contributing_shows_the_tree_as_it_is() -> None:
    """All that is listed exists; of a folder of which anything is listed, every module and folder is."""
    for folder, entries in tree_in((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")).items():
        missing = {entry for entry in entries if not (PACKAGE / folder / entry).exists()}
        assert not missing, f"CONTRIBUTING.md lists what isn't in {folder or 'src/pawlab/'}"
        children = [path for path in (PACKAGE / folder).iterdir() if path.name not in {"__pycache__", "__init__.py"}]
        real = {
            f"{path.name}/" if path.is_dir() else path.name
            for path in children
            if path.is_dir() or path.suffix == ".py"
        }
        assert not real - entries, f"CONTRIBUTING.md leaves out what is in {folder or 'src/pawlab/'}"


def test_the_reader_of_trees() -> None:
    text = "```\nsrc/pawlab/\n  cli.py    types\n  data/\n    a.py  # one\n    sub/\n      x.py\n  end.py\n```\n"
    assert tree_in(text) == {"": {"cli.py", "data/", "end.py"}, "data/": {"a.py", "sub/"}, "data/sub/": {"x.py"}}


def test_the_version_is_that_of_the_newest_entry_in_the_changelog() -> None:
    entries = re.findall(
        r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert entries[0][0] == declared == pawlab.__version__
    assert [date for _, date in entries] == sorted((date for _, date in entries), reverse=True)


def test_the_page_of_commands_is_what_the_program_says() -> None:
    page = ROOT / "docs" / "cli.md"
    if not page.is_file():
        pytest.skip("docs/cli.md isn't there: make docs")
    command = [sys.executable, "-m", "typer", "pawlab.cli", "utils", "docs", "--name", "pawlab"]
    said = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert page.read_text(encoding="utf-8").strip() == said.strip(), "docs/cli.md is out of date: make docs"


def requirement_name(line: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", line)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_every_dependency_is_pinned_without_an_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    shape = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*(; [a-z_]+ (<|==|!=) '[^']+'( or [a-z_]+ == '[^']+')?)?")
    assert [line for line in pins if not shape.fullmatch(line)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    names = {requirement_name(line) for line in asked} - {"pawlab"}
    assert names - {requirement_name(line) for line in pins} == set()


@cache
def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this isn't a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


# Written in pieces, so that this file passes too.
FORBIDDEN_WORDS = (
    "pypi" + r"\.org",
    "python" + r"hosted\.org",
    "npm" + r"js\.org",
    "golang" + r"\.org",
    "index" + "-url",
    r"(?<![\w.])/wo" + "rk/",
    r"\.\./sha" + "red",
    "/tmp/br" + "ief",
    r"/opt/py" + "pi",
    "cla" + "ude",
    "anthro" + "pic",
)


def test_the_repository_speaks_of_the_product_alone() -> None:
    forbidden = re.compile("|".join(FORBIDDEN_WORDS), re.IGNORECASE)
    for path in tracked_files():
        found = forbidden.search(path.read_bytes().decode("utf-8", errors="replace"))
        assert not found, f"{path.relative_to(ROOT)} says {found[0] if found else ''}"


def test_data_and_weights_stay_out_of_the_repository() -> None:
    weighty = {".h5", ".keras", ".onnx", ".pth", ".pt", ".ckpt", ".zip", ".tar", ".gz", ".parquet", ".sqlite"}
    for_tests = ROOT / "tests" / "networks"  # small, with random weights
    kept = [path for path in tracked_files() if path.suffix in weighty and path.parent != for_tests]
    assert [path.name for path in kept] == ["sample.zip"]
    assert sum(path.stat().st_size for path in tracked_files() if path.parent == for_tests) < 600_000
    assert [path.name for path in tracked_files() if path.stat().st_size > 1_000_000] == ["sample.zip"]
