from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.backbones.keras_applications import largest_difference
from pawlab.graphs.builder import GraphBuilder
from pawlab.graphs.edit import chain
from pawlab.graphs.from_keras import add_model, convert
from pawlab.graphs.runtime import open_graph
from sessions import open_session

Keras = Any
SHAPE = (31, 40, 3)  # one side odd, one even


def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, *SHAPE), dtype=np.uint8)


def with_random_weights(model: Any) -> Any:
    """Give every weight, batch norm's statistics included, a random value that leaves outputs moderate."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        spread = np.sqrt(2 / max(1, np.prod(weight.shape[:-1])))
        values = random.normal(scale=spread if len(weight.shape) > 1 else 0.2, size=weight.shape)
        if "variance" in weight.path:
            values = np.abs(values) + 0.5
        elif "gamma" in weight.path:
            values = values + 1
        weight.assign(values)
    return model


def of(keras: Keras, *layers: Any) -> Any:
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Rescaling(1 / 127.5, -1), *layers])
    return with_random_weights(keras.Model(model.inputs[0], model.outputs[0]))


def assert_same(model: Any) -> None:
    expected = np.asarray(model(pictures(), training=False))
    assert expected.std() > 1e-3, "the outputs hardly vary, so that they are equal says nothing"
    (actual,) = open_graph(convert(model, "y").SerializeToString()).run(None, pictures())
    assert largest_difference(expected, actual) < 1e-5


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_convolutions_are_keras_ones(keras: Keras, padding: str, strides: int) -> None:
    layers = keras.layers
    options = {"padding": padding, "strides": strides}
    assert_same(of(keras, layers.Conv2D(5, 3, activation="relu", **options)))
    assert_same(of(keras, layers.Conv2D(5, (4, 2), use_bias=False, **options)))
    assert_same(of(keras, layers.DepthwiseConv2D(3, depth_multiplier=2, activation="tanh", **options)))
    assert_same(of(keras, layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Conv2D(2, 3, **options)))


def test_dilated_and_grouped_convolutions_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    assert_same(of(keras, layers.Conv2D(4, 3, dilation_rate=2), layers.Conv2D(6, 3, groups=2)))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size", [2, 3])
def test_pools_are_keras_ones(keras: Keras, padding: str, size: int) -> None:
    layers = keras.layers
    for pool in (layers.MaxPooling2D, layers.AveragePooling2D):
        assert_same(of(keras, pool(size, padding=padding)))
        assert_same(of(keras, pool(size, strides=1, padding=padding)))
        assert_same(of(keras, layers.ZeroPadding2D(1), pool(size, padding=padding)))


def test_global_pools_and_dense_layers_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    for pool in (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D):
        assert_same(of(keras, layers.Conv2D(8, 3), pool(), layers.Dense(4)))
        assert_same(of(keras, layers.Conv2D(8, 3), pool(keepdims=True), layers.Flatten()))
    assert_same(of(keras, layers.Flatten(), layers.Dense(4, use_bias=False)))
    assert_same(of(keras, layers.ZeroPadding2D(1), layers.Flatten(), layers.Dense(4)))


@pytest.mark.parametrize("name", ["linear", "relu", "relu6", "sigmoid", "softmax", "tanh", "silu", "gelu", "hard_silu"])
def test_activations_are_keras_ones(keras: Keras, name: str) -> None:
    layers = keras.layers
    assert_same(of(keras, layers.Rescaling(8.0), layers.Conv2D(4, 3), layers.Activation(name)))
    assert_same(of(keras, layers.Flatten(), layers.Dense(4, activation=name)))


def test_batch_norm_and_relu_layers_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    assert_same(of(keras, layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(epsilon=0.01), layers.ReLU(6)))
    assert_same(of(keras, layers.BatchNormalization(scale=False, center=False), layers.ReLU()))
    assert_same(of(keras, layers.Flatten(), layers.Dense(6), layers.BatchNormalization()))


def test_layers_of_any_precision_come_out_in_float32(keras: Keras) -> None:
    layers = keras.layers
    conv = layers.Conv2D(4, 3, activation="relu", dtype="float64")
    model = of(keras, conv, layers.Flatten(), layers.Dense(3, dtype="float64"))
    assert model.outputs[0].dtype == "float64"
    assert_same(model)
    assert open_session(convert(model, "y").SerializeToString()).get_outputs()[0].type == "tensor(float)"


def test_what_acts_in_training_only_is_left_out(keras: Keras) -> None:
    layers = keras.layers
    augmented = [layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.2), layers.RandomShear(0.1)]
    augmented += [layers.RandomTranslation(0.2, 0.2)]
    model = of(keras, *augmented, layers.Conv2D(4, 3), layers.Dropout(0.5))
    assert_same(model)
    assert [node.op_type for node in convert(model, "y").graph.node].count("Conv") == 1


def test_branches_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    given = keras.Input(SHAPE)
    scaled = layers.Rescaling(1 / 255)(given)
    left = layers.Conv2D(4, 3, padding="same")(scaled)
    right = layers.ZeroPadding2D(1)(layers.Conv2D(4, 3)(scaled))
    wide = layers.Concatenate()([left, layers.Add()([left, right])])
    cat = layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(wide))
    both = layers.Concatenate()([layers.Rescaling(-1.0, 1.0)(cat), cat])
    for output in (wide, both):
        assert_same(with_random_weights(keras.Model(given, output)))


def test_the_converted_graph_says_what_it_takes_and_gives(keras: Keras) -> None:
    model = of(keras, keras.layers.Conv2D(4, 3))
    session = open_session(convert(model, "map").SerializeToString())
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [("pictures", "tensor(uint8)", ["n", *SHAPE])]
    assert [(o.name, o.type, o.shape) for o in session.get_outputs()] == [("map", "tensor(float)", ["n", 29, 38, 4])]


def test_a_head_stands_behind_another_graph(keras: Keras) -> None:
    layers = keras.layers
    given = keras.Input(SHAPE)
    head = with_random_weights(keras.Model(given, layers.Dense(3)(layers.Flatten()(layers.Conv2D(2, 3)(given)))))
    graph = GraphBuilder("first_")
    scaled = graph.add("Mul", graph.input("pictures", np.float32, ("n", *SHAPE)), graph.constant(1 / 255))
    graph.output(scaled, "feature_map", np.float32, ("n", *SHAPE))
    first = graph.model("first")
    joined = chain(first, convert(head, "logits", "feature_map", np.float32))

    floats = pictures().astype(np.float32)
    (actual,) = open_session(joined.SerializeToString()).run(None, {"pictures": floats})
    assert largest_difference(np.asarray(head(floats / 255)), actual) < 1e-5
    assert [output.name for output in joined.graph.output] == ["logits"]
    assert [output.name for output in first.graph.output] == ["feature_map"], "the first graph was altered"


def test_separable_convolutions_and_croppings_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    separable = layers.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2, activation="relu")
    assert_same(of(keras, separable))
    assert_same(of(keras, layers.SeparableConv2D(4, (5, 2), use_bias=False, dilation_rate=2)))
    assert_same(of(keras, layers.Cropping2D(((1, 0), (2, 3))), layers.Conv2D(4, 3)))


def test_norms_and_scalings_by_channel_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    norm = layers.LayerNormalization(epsilon=1e-6)
    assert_same(of(keras, layers.Conv2D(4, 3), norm, layers.Dense(6, activation="gelu")))
    assert_same(of(keras, layers.Conv2D(4, 3), layers.LayerNormalization(center=False, scale=False)))
    assert_same(of(keras, layers.Flatten(), layers.LayerNormalization(), layers.Dense(3)))
    assert_same(of(keras, layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 2, 4]), layers.Conv2D(4, 3)))
    assert_same(of(keras, layers.Rescaling([1.0, 2, 3], [0.5, 0, 1]), layers.Conv2D(4, 3)))


def test_gates_sums_and_arithmetic_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    given = keras.Input(SHAPE)
    map_ = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(given))
    gate = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(map_))
    gate = layers.ReLU(6.0)(layers.Conv2D(4, 1)(gate) + 3.0) * (1.0 / 6.0)
    output = layers.Add()([layers.Multiply()([map_, gate]), map_, map_])
    assert_same(with_random_weights(keras.Model(given, output)))


def test_models_inside_the_model_are_keras_ones(keras: Keras) -> None:
    layers = keras.layers
    given = keras.Input(SHAPE)
    block = keras.Sequential([layers.Conv2D(4, 3, padding="same"), layers.LayerNormalization(name="inner_norm")])
    model = with_random_weights(keras.Model(given, layers.Conv2D(3, 3)(block(layers.Rescaling(1 / 255)(given)))))
    assert_same(model)
    graph = GraphBuilder()
    planes = graph.add("Transpose", graph.input("pictures", np.float32, ("n", *SHAPE)), perm=[0, 3, 1, 2])
    value = add_model(graph, model, planes, {"inner_norm": "stage_1"})
    graph.output(value, "y", np.float32, ("n", 3, "y", "x"))
    assert "stage_1" in [node.output[0] for node in graph.model("test").graph.node]


def test_what_has_no_known_form_is_refused_by_name(keras: Keras) -> None:
    layers = keras.layers
    for layer, sentence in [
        (layers.GroupNormalization(3, name="norm"), "the Keras layer 'norm' (GroupNormalization)"),
        (
            layers.LayerNormalization(axis=1, name="norm"),
            "the Keras layer 'norm' (LayerNormalization) but over channels",
        ),
        (layers.Activation("mish", name="act"), "the Keras layer 'act' (Activation) with mish"),
        (layers.Reshape((40, 93), name="rows"), "the Keras layer 'rows' (Reshape) to (40, 93)"),
    ]:
        with pytest.raises(NotImplementedError) as raised:
            convert(of(keras, layer), "y")
        assert str(raised.value) == f"no ONNX form is known for {sentence}"
