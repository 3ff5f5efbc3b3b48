"""Networks from a hub: hf:OWNER/REPO[:FILE][@REVISION], fetched by huggingface_hub into pawlab's own cache.

What is fetched lies in the cache by owner, repository and commit, so the same name with a commit is the same network
for good, and needs no network twice. Files are checked against the SHA-256 that the hub has of them.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from pawlab.backbones.table import FILE_ENDING
from pawlab.errors import MissingExtraError, WeightsError, did_you_mean, one_line
from pawlab.files.names import file_sha256
from pawlab.progress import Progress, silent
from pawlab.storage import cache_dir, mark_used

PREFIX = "hf:"
_NAME = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<file>[^@]+))?(?:@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BESIDE = ("preprocessor_config.json", "config.json")


@dataclass(frozen=True)
class Fetched:
    """A network of a hub as it lies here. `revision`: the commit; `licence`: as the repository names it, or empty."""

    path: str
    repo: str
    file: str
    revision: str
    sha256: str
    licence: str

    def to_dict(self) -> dict[str, str]:
        """Return what a run keeps of it."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


def is_on_hub(name: str) -> bool:
    """Say whether a backbone's name is that of one on a hub."""
    return name.startswith(PREFIX)


def fetch(name: str, progress: Progress = silent) -> Fetched:
    """Return a network by its name, from the cache or fetched. HF_ENDPOINT may name another hub.

    Raises WeightsError where there is no such repository, revision or ONNX file, where there are several files, where a
    login is needed or the hub can't be reached; MissingExtraError where huggingface_hub isn't installed.
    """
    with progress(f"Fetching {name}", None, "steps"):
        return _fetch(name)


@cache
def _fetch(name: str) -> Fetched:
    match = _NAME.fullmatch(name)
    if match is None:
        raise WeightsError(f"{name} isn't the name of a network on a hub: it is hf:OWNER/REPO[:FILE][@REVISION].")
    repo, file, revision = match["repo"], match["file"], match["revision"]
    if file and revision and _COMMIT.fullmatch(revision) and (kept := _kept(repo, file, revision)):
        return kept
    hub = _import_hub(name)
    with _errors(hub, name, repo, revision):
        info = hub.HfApi().model_info(repo, revision=revision, files_metadata=True)
        files = {entry.rfilename: entry for entry in info.siblings or () if _is_inside(entry.rfilename)}
        if not _COMMIT.fullmatch(str(info.sha)):
            raise WeightsError(f"{name} can't be fetched: the hub names no commit for it.")
        file = _choose_file(name, repo, list(files), file)
        folder = _folder(repo, info.sha)
        for other in (file, *_beside(file, files)):
            _download(hub, repo, other, info.sha, folder, files[other])
        for other in _weights_outside(folder / file):
            if other not in files:
                raise WeightsError(f"{name} needs {other}, which its repository hasn't got.")
            _download(hub, repo, other, info.sha, folder, files[other])
    (folder / f"{file}.licence").write_text(_licence(info), encoding="utf-8")
    fetched = _kept(repo, file, info.sha)
    assert fetched is not None, "it was written a moment ago"
    return fetched


def _is_inside(file: str) -> bool:
    """Say whether a file's path, which a hub may choose, stays within its repository."""
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in file and ":" not in file


def _folder(repo: str, revision: str) -> Path:
    return cache_dir("hub") / repo.replace("/", "--") / revision


def _kept(repo: str, file: str, revision: str) -> Fetched | None:
    """Return what lies in the cache whole: the licence is written last."""
    folder = _folder(repo, revision)
    path, licence = folder / file, folder / f"{file}.licence"
    if not (path.is_file() and licence.is_file()):
        return None
    mark_used(folder.parent)
    return Fetched(str(path), repo, file, revision, file_sha256(path), licence.read_text(encoding="utf-8"))


def _import_hub(name: str) -> Any:
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise MissingExtraError(name, "hub") from error
    constants.HF_HUB_DISABLE_TELEMETRY = True  # where it was imported before
    return huggingface_hub


def _choose_file(name: str, repo: str, files: list[str], wanted: str | None) -> str:
    networks = sorted(file for file in files if file.endswith(FILE_ENDING))
    if not networks:
        shown = ", ".join(sorted(files)[:5]) or "none"
        raise WeightsError(
            f"{name} has no ONNX file; its files: {shown}. Export it to ONNX, and give that file as --backbone."
        )
    if wanted is None and len(networks) > 1:
        raise WeightsError(f"{name} has several ONNX files: {', '.join(networks)}. Name one: hf:{repo}:{networks[0]}")
    if wanted is not None and wanted not in networks:
        hint = did_you_mean(wanted, networks)
        raise WeightsError(f"{PREFIX}{repo} has no ONNX file {wanted}.{hint} It has: {', '.join(networks)}.")
    return wanted or networks[0]


def _beside(file: str, files: dict[str, Any]) -> Iterator[str]:
    """Yield the files that say how the network wants its pictures: in its folder and the one above."""
    folder = PurePosixPath(file).parent
    for place in dict.fromkeys((folder, folder.parent)):
        yield from (str(place / name) for name in _BESIDE if str(place / name) in files)


def _weights_outside(path: Path) -> list[str]:
    """Return the files, from the repository's root, that an ONNX file keeps its weights in."""
    import onnx

    try:
        tensors = onnx.load(path, load_external_data=False).graph.initializer
    except Exception as error:  # protobuf has a class of its own for it
        raise WeightsError(f"{path} can't be read as ONNX: {one_line(error)}") from error
    named = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    folder = path.relative_to(cache_dir("hub")).parts[2:-1]
    return sorted(str(PurePosixPath(*folder, location)) for location in named)


def _download(hub: Any, repo: str, file: str, revision: str, folder: Path, entry: Any) -> None:
    path = Path(hub.hf_hub_download(repo, file, revision=revision, local_dir=folder))
    expected = entry.lfs.sha256 if entry.lfs else None
    if expected and file_sha256(path) != expected:
        path.unlink()
        raise WeightsError(f"{file} of {repo} didn't arrive as the hub has it. Try again.")


def _licence(info: Any) -> str:
    card = info.card_data or {}
    return str(card.get("license_name") or card.get("license") or "")


@contextmanager
def _errors(hub: Any, name: str, repo: str, revision: str | None) -> Iterator[None]:
    """Turn what the hub's library raises into one line."""
    from huggingface_hub import constants, errors

    where = f"{constants.ENDPOINT}/{repo}"
    try:
        yield
    except WeightsError:
        raise
    except errors.GatedRepoError as error:
        raise WeightsError(f"{name} needs a login: accept its licence at {where}, then run `hf auth login`.") from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(f"{PREFIX}{repo} has no revision {revision}. See {where}/commits/main.") from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            f"there is no repository {repo} at {constants.ENDPOINT}, or it is private. Check the name; for a private "
            "one run `hf auth login`."
        ) from error
    except Exception as error:  # no connection, a server's error, a full disk: its library has many classes
        raise WeightsError(
            f"{name} couldn't be fetched from {constants.ENDPOINT}: {one_line(error)[:200]}. What was fetched before "
            "needs no network under its file and commit: hf:OWNER/REPO:FILE@COMMIT."
        ) from error
