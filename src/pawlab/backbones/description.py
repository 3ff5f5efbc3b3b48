"""How a network of one's own wants its pictures: a TOML file beside it, or the JSON that hubs keep beside theirs.

    preset = "imagenet"              # or "clip", "half" or "unit": stands for the next three
    pixels = "0-1"                   # the range, "0-1" or "0-255", in which the next two are meant
    mean = [0.485, 0.456, 0.406]     # of red, green and blue, or one number for all
    std = [0.229, 0.224, 0.225]      # the network is fed (pixels - mean) / std
    image_size = 224                 # or [height, width]; only where the file leaves it open
    output = "features"              # only where the file has several
    tokens = "first"                 # or "mean"; only of a transformer that gives a row for each place
    layout = "NCHW"                  # or "NHWC"; only where the shape leaves it open

Where there is no TOML, preprocessor_config.json (of Hugging Face's transformers) or config.json (of timm) is read, in
the file's folder or the one above. Nothing is guessed: a network that is fed wrongly still answers, only worse.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pawlab.backbones.table import Channels
from pawlab.errors import WeightsError, did_you_mean, one_line
from pawlab.storage import read_toml

Description = Mapping[str, Any]

_KEYS = ["preset", "pixels", "mean", "std", "image_size", "output", "tokens", "layout"]
_WHITE = {"0-1": 1.0, "0-255": 255.0}
_LARGEST = 1e9  # of mean and std, in the network's own numbers
_SCALING = ("pixels", "mean", "std")
_PRESETS: dict[str, tuple[str, Any, Any]] = {
    "imagenet": ("0-1", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "clip": ("0-1", [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    "half": ("0-1", 0.5, 0.5),
    "unit": ("0-1", 0.0, 1.0),
}
_OF_HUBS = ("preprocessor_config.json", "config.json")


def description_file(path: Path) -> Path:
    """Return where the description of a network stands."""
    return path.with_suffix(".toml")


def read_description(path: Path) -> Description:
    """Return what is said beside a network; presets are written out. Raises WeightsError where it can't be read."""
    beside = description_file(path)
    if not beside.is_file():
        return _said_by_hubs(path)
    try:
        said = read_toml(beside)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{beside} can't be read: {one_line(error)}") from error
    for key in said:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise WeightsError(f"{beside} says '{key}'.{did_you_mean(key, _KEYS)} It may say: {known}.")
    if "preset" not in said:
        return said
    if said["preset"] not in tuple(_PRESETS):
        raise WeightsError(f"{beside}: preset is one of {', '.join(_PRESETS)}, not {said['preset']!r}.")
    if beside_it := [key for key in _SCALING if key in said]:
        raise WeightsError(f"{beside}: preset stands for {', '.join(_SCALING)}. Leave out {', '.join(beside_it)}.")
    return {**said, **dict(zip(_SCALING, _PRESETS[said["preset"]], strict=True))}


def scaling(path: Path, said: Description) -> tuple[Channels, Channels]:
    """Return mean and std for pixels 0-255. Raises WeightsError where they aren't said, or can't be."""
    missing = [key for key in _SCALING if key not in said]
    if missing:
        raise WeightsError(
            f"{path} doesn't say how pixels become its numbers. Write into {description_file(path)} what it was "
            'trained with, such as preset = "imagenet", or pixels = "0-1", mean = [0.485, 0.456, 0.406] and '
            f"std = [0.229, 0.224, 0.225]. Missing: {', '.join(missing)}."
        )
    if said["pixels"] not in tuple(_WHITE):  # a list isn't in it, and can't be a key
        raise WeightsError(f'{description_file(path)}: pixels is "0-1" or "0-255", not {said["pixels"]!r}.')
    factor = 255.0 / _WHITE[said["pixels"]]
    mean, std = (_colours(path, key, said[key], factor) for key in ("mean", "std"))
    if min(std) <= 0:
        raise WeightsError(f"{description_file(path)}: std is more than 0, not {said['std']!r}.")
    return mean, std


def _colours(path: Path, key: str, said: Any, factor: float) -> Channels:
    values = said if isinstance(said, list) else [said] * 3
    numbers = [value * factor for value in values if type(value) in (int, float) and abs(value) < _LARGEST]
    if len(values) != 3 or len(numbers) != 3:
        raise WeightsError(f"{description_file(path)}: {key} is one number or three, not {said!r}.")
    return numbers[0], numbers[1], numbers[2]


def _said_by_hubs(path: Path) -> Description:
    for folder in (path.parent, path.parent.parent):
        for name in _OF_HUBS:
            try:
                said = json.loads((folder / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            read = _of_transformers(said) if "image_mean" in said else _of_timm(said.get("pretrained_cfg", {}))
            if read:
                return read
    return {}


def _of_transformers(said: dict[str, Any]) -> Description:
    factor = said.get("rescale_factor", 1 / 255) if said.get("do_rescale", True) else 1.0
    pixels = {1 / 255: "0-1", 1.0: "0-255"}.get(factor)
    mean, std = (said["image_mean"], said.get("image_std")) if said.get("do_normalize", True) else (0.0, 1.0)
    if pixels is None or std is None:
        return {}
    cropped = said.get("crop_size") if said.get("do_center_crop") else None
    return {"pixels": pixels, "mean": mean, "std": std, **_side(cropped or said.get("size"))}


def _side(size: Any) -> Description:
    """Return the size of pictures that transformers name: a number, height and width, or the shorter side."""
    if isinstance(size, dict):
        size = [size["height"], size["width"]] if {"height", "width"} <= size.keys() else size.get("shortest_edge")
    return {} if size is None else {"image_size": size}


def _of_timm(said: dict[str, Any]) -> Description:
    if not {"mean", "std", "input_size"} <= said.keys():
        return {}
    return {"pixels": "0-1", "mean": said["mean"], "std": said["std"], "image_size": said["input_size"][1:]}
