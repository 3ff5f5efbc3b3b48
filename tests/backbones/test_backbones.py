import pytest

from pawlab.backbones.table import BACKBONES, Backbone, find_backbone
from pawlab.errors import RecipeError


@pytest.mark.parametrize(
    ("name", "cut", "sizes"),
    [
        ("efficientnet_lite0", None, {224: 7, 225: 8, 32: 1, 160: 5}),
        ("mobilenet_v2", None, {224: 7, 160: 5, 97: 4, 288: 9}),
        ("inception_v3", None, {299: 8, 150: 3, 75: 1}),
        ("inception_v3", "mixed7", {299: 17, 150: 7, 75: 3}),
    ],
)
def test_map_sizes_are_those_of_the_networks(name: str, cut: str | None, sizes: dict[int, int]) -> None:
    backbone = find_backbone(name, cut)
    assert {pixels: backbone.map_size(pixels) for pixels in sizes} == sizes


def test_each_network_and_cut_stands_there_once() -> None:
    named = [(row.name, row.cut) for row in BACKBONES]
    assert named[:5] == [
        ("efficientnet_lite0", None),
        ("efficientnet_lite2", None),
        ("mobilenet_v2", None),
        ("inception_v3", None),
        ("inception_v3", "mixed7"),
    ]
    assert len(named) == len(set(named))
    assert all(find_backbone(row.name, row.cut) is row for row in BACKBONES)


@pytest.mark.parametrize("row", BACKBONES, ids=lambda row: f"{row.name} {row.cut or ''}")
def test_each_row_says_where_it_comes_from(row: Backbone) -> None:
    assert row.licence in {"Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0"}
    assert "arXiv:" in row.paper
    assert row.weights
    assert 0.6 < (row.top1 or 0) < 0.9
    assert row.top1_source
    assert row.stages
    assert [stage.name for stage in row.find_stages(row.probe_stages)] == list(row.probe_stages)
    assert row.smallest_image <= row.image_size
    assert (row.sha256 is None) == (row.extra == "keras"), "weights that we read ourselves have a checksum"


@pytest.mark.parametrize(("name", "cut"), [("resnet", None), ("inception_v3", "mixed77"), ("mobilenet_v2", "mixed7")])
def test_what_is_not_in_the_table_is_refused(name: str, cut: str | None) -> None:
    with pytest.raises(RecipeError, match=f"^there is no backbone '{name}'"):
        find_backbone(name, cut)


def test_an_unknown_stage_is_told_with_the_nearest() -> None:
    with pytest.raises(RecipeError) as raised:
        find_backbone("mobilenet_v2").find_stages(["stage_1", "stage4"])
    assert str(raised.value) == (
        "mobilenet_v2 has no stage 'stage4'. Did you mean 'stage_4'? It has: stage_1, stage_2, stage_3, stage_4."
    )
