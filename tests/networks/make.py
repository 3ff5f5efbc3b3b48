"""Writes the small networks in this folder, as PyTorch and timm export them. Their weights are random.

pip install torch==2.13.0 timm==1.0.31 onnx onnxscript    # the processor's build of torch
python make.py
"""

import warnings
from pathlib import Path

import onnx
import timm
import torch
from timm.models.mobilenetv3 import _gen_mobilenet_v3
from timm.models.tiny_vit import TinyVit

HERE = Path(__file__).parent


class Hidden(torch.nn.Module):
    """Gives what Hugging Face's transformers give: every token, and the first one alone where `pooler`."""

    def __init__(self, network: torch.nn.Module, pooler: bool) -> None:
        super().__init__()
        self.network, self.pooler = network, pooler

    def forward(self, pixels: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        tokens = self.network.forward_features(pixels)
        return (tokens, tokens[:, 0]) if self.pooler else tokens


@torch.jit.script
def scaled(pixels: torch.Tensor) -> torch.Tensor:
    """Branch by a shape: the exporter writes an If node."""
    return (pixels - 0.5) / 0.25 if pixels.size(1) == 3 else pixels * 0.0


class Map(torch.nn.Module):
    """Ends in the last feature map."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network.forward_features(pixels)


class Branching(torch.nn.Module):
    """A network behind a branch that always goes one way."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network(scaled(pixels))


def vit(name: str = "vit_small_patch14_dinov2", **options: object) -> torch.nn.Module:
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 2, "init_values": 1.0}
    network = timm.create_model(name, pretrained=False, num_classes=0, **{**small, **options})
    network.side = options.get("img_size", 32)
    return enlivened(network)


def mobilenet() -> torch.nn.Module:
    network = _gen_mobilenet_v3("mobilenetv3_small_050", 0.06, num_classes=0)
    network.side = 64
    return Map(enlivened(network))


def tiny_vit() -> torch.nn.Module:
    widths, ones = (8, 8, 16, 16), (1, 1, 1, 1)
    network = TinyVit(num_classes=0, embed_dims=widths, depths=ones, num_heads=ones, window_sizes=(2, 2, 2, 2))
    network.side = 64
    return enlivened(network)


def enlivened(network: torch.nn.Module) -> torch.nn.Module:
    """Give every weight a random value under which pictures differ, and running statistics those of noise."""
    for value in network.parameters():
        if value.ndim > 1:
            value.copy_(torch.randn_like(value) / value[0].numel() ** 0.5)
        else:
            value.add_(torch.randn_like(value) * 0.1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()(torch.randn(8, 3, network.side, network.side))
    return network.eval()


def export(network: torch.nn.Module, name: str, outputs: list[str], size: int, fixed: bool = False) -> None:
    given = "pixel_values" if "hidden" in name else "pixels"
    axes = {} if fixed else {value: {0: "batch"} for value in (given, *outputs)}
    torch.onnx.export(
        network.eval(),
        (torch.randn(1, 3, size, size),),
        str(HERE / f"{name}.onnx"),
        input_names=[given],
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    with torch.no_grad():
        tokens = ["last_hidden_state"]
        export(vit(), "vit_pooled", ["features"], 32)
        export(Hidden(vit(img_size=56, patch_size=14), pooler=True), "vit_hidden", [*tokens, "pooler_output"], 56)
        export(Hidden(vit("vit_small_patch14_reg4_dinov2"), pooler=False), "vit_registers", tokens, 32)
        export(Hidden(vit(class_token=False, global_pool="avg"), pooler=False), "vit_without_cls", tokens, 32)
        export(Hidden(vit(), pooler=False), "vit_one_picture", tokens, 32, fixed=True)
        export(tiny_vit(), "tiny_vit", ["output"], 64)
        export(mobilenet(), "mobilenet", ["map"], 64)
        patches = torch.nn.Conv2d(3, 8, 4, 4)
        export(Branching(torch.nn.Sequential(patches, torch.nn.GELU())), "branching", ["map"], 32)
        shapes = ({0: torch.export.Dim("batch", min=1, max=64)},)
        torch.onnx.export(
            Hidden(vit(), pooler=False).eval(),
            (torch.randn(2, 3, 32, 32),),
            str(HERE / "vit_newest.onnx"),
            dynamic_shapes=shapes,
            output_names=tokens,
            dynamo=True,
            external_data=False,
        )
    for path in HERE.glob("*.onnx"):
        strip(path)


def strip(path: Path) -> None:
    """Leave out what the exporter tells of its source."""
    model = onnx.load(path)
    model.doc_string, model.graph.doc_string = "", ""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    del model.metadata_props[:], model.graph.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)


if __name__ == "__main__":
    main()
