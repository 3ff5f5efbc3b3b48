"""A user's own recipe, in a file: read like a built-in one, with all its mistakes reported at once."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pawlab.backbones.description import _KEYS
from pawlab.errors import RecipeError
from pawlab.images import Preprocess
from pawlab.recipes import RECIPES, choose_recipe, find_recipe
from pawlab.recipes.layers import backbone, conv, dense, flatten, global_max_pool, pool, rescale
from pawlab.recipes.own import recipe_of
from pawlab.recipes.recipe import Recipe, probe_layers
from pawlab.recipes.summary import count_parameters, summarise

TOML = """
purpose = "To try things."
epochs = 5
learning_rate = 0.01

[preprocess]
height = 64
width = 48
resize_mode = "crop"
interpolation = "bilinear"

[[layers]]
kind = "rescale"
scale = 0.00392156862745098

[[layers]]
kind = "conv"
filters = 16

[[layers]]
kind = "pool"
pool_size = 2

[[layers]]
kind = "flatten"

[[layers]]
kind = "dense"
"""
PROBE_OF_STAGES = """
preprocess = { height = 96, width = 96 }
layers = [
    { kind = "backbone", name = "efficientnet_lite0", stages = ["stage_2", "stage_6"] },
    { kind = "standardise" },
    { kind = "logistic_regression" },
]
"""
TUNED = PROBE_OF_STAGES.replace(
    "layers = [", 'layers = [\n    { kind = "flip" },\n    { kind = "crop", smallest = 0.5 },'
).replace('regression" },', 'regression" },\n    { kind = "fine_tune", unfreeze = 4 },')
PROBE = """
preprocess = { height = 96, width = 96 }
layers = [
    { kind = "backbone", name = "efficientnet_lite0" },
    { kind = "global_average_pool" },
    { kind = "standardise" },
    { kind = "logistic_regression" },
]
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> str:
    """Return what is said about a file, without its name."""
    path = written(folder, text)
    with pytest.raises(RecipeError) as caught:
        choose_recipe(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_toml_file_is_a_recipe_with_defaults(tmp_path: Path) -> None:
    assert choose_recipe(str(written(tmp_path, TOML))) == Recipe(
        name="mine",
        title="mine",
        source="mine.toml",
        purpose="To try things.",
        preprocess=Preprocess(64, 48, "crop", interpolation="bilinear"),
        layers=(rescale(1 / 255), conv(16), pool(2), flatten(), dense(2)),
        trainer="keras",
        batch_size=32,
        epochs=5,
        optimizer="adam",
        learning_rate=0.01,
        loss="sparse categorical cross-entropy from logits",
    )


@pytest.mark.parametrize(
    ("last", "units", "loss"),
    [
        ('activation = "sigmoid"', 1, "binary cross-entropy"),
        ('activation = "softmax"', 2, "sparse categorical cross-entropy"),
        ('activation = "relu"', 2, "sparse categorical cross-entropy from logits"),
    ],
)
def test_units_and_loss_follow_from_the_last_activation(tmp_path: Path, last: str, units: int, loss: str) -> None:
    recipe = choose_recipe(written(tmp_path, TOML + last))
    assert (recipe.layers[-1].options["units"], recipe.loss) == (units, loss)
    assert recipe.for_classes(5).layers[-1].options["units"] == 5


def test_a_linear_probe_has_nothing_to_train_in_epochs(tmp_path: Path) -> None:
    recipe = choose_recipe(written(tmp_path, PROBE))
    fast = find_recipe("fast")
    layers = probe_layers(backbone("efficientnet_lite0"))
    assert recipe == replace(
        fast, name="mine", title="mine", source="mine.toml", purpose="", preprocess=Preprocess(96, 96), layers=layers
    )


def test_a_linear_probe_may_see_stages_of_its_network(tmp_path: Path) -> None:
    recipe = choose_recipe(written(tmp_path, PROBE_OF_STAGES))
    assert recipe.stages == ("stage_2", "stage_6")
    assert [line.output_shape for line in summarise(recipe)] == [(1280 + 144 + 1152,)] * 2 + [(2,)]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe.name))
def test_every_built_in_recipe_keeps_to_the_contract(recipe: Recipe) -> None:
    """Written out and read back under another name, each is what it was."""
    mine = replace(recipe, name="mine")
    assert choose_recipe(mine) == recipe_of(mine.to_dict(), "mine", []) == mine
    assert choose_recipe(recipe) is recipe


def test_a_whole_number_is_a_learning_rate_too(tmp_path: Path) -> None:
    """Keras takes floats alone."""
    rate = choose_recipe(written(tmp_path, changed("0.01", "1"))).learning_rate
    assert (rate, type(rate)) == (1.0, float)


def test_a_backbones_own_scaling_is_written_out_where_something_is_trained_behind_it(tmp_path: Path) -> None:
    text = """
epochs = 2
preprocess = { height = 64, width = 64 }
layers = [
    { kind = "flip" },
    { kind = "backbone", name = "mobilenet_v2" },
    { kind = "global_max_pool" },
    { kind = "dense" },
]
"""
    recipe = choose_recipe(written(tmp_path, text))
    assert recipe.layers[1:] == (
        rescale(1 / 127.5, -1.0),
        backbone("mobilenet_v2", include_preprocessing=False),
        global_max_pool(),
        dense(2),
    )
    assert count_parameters(recipe).trainable == 2 * 1281
    by_colour = choose_recipe(written(tmp_path, text.replace("mobilenet_v2", "densenet121"))).layers[1].options
    assert by_colour["scale"] == [1 / 58.395, 1 / 57.12, 1 / 57.375]
    assert by_colour["offset"] == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])


def test_a_python_file_defines_it(tmp_path: Path) -> None:
    code = """
from dataclasses import replace
from pawlab.recipes import find_recipe
RECIPE = replace(find_recipe("a1"), name="longer", epochs=40)
"""
    recipe = choose_recipe(written(tmp_path, code, "longer.py"))
    assert recipe == replace(find_recipe("a1"), name="longer", epochs=40)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = 1\nprint(y)", "{path}, line 2: NameError: name 'y' is not defined"),
        ("def f():\n  return 1 / 0\n\nRECIPE = f()", "{path}, line 2: ZeroDivisionError: division by zero"),
        ("import sys\n\nsys.exit(3)", "{path}, line 3: SystemExit: 3"),
        ("assert False", "{path}, line 1: AssertionError"),
        ("raise ValueError('two\\n  lines')", "{path}, line 1: ValueError: two lines"),
        ("x = (", "{path}, line 1: SyntaxError: '(' was never closed ({name}, line 1)"),
        ("x = 1", "{path} should define RECIPE, a pawlab.recipes.recipe.Recipe; it defines none."),
        ("RECIPE = {}", "{path} should define RECIPE, a pawlab.recipes.recipe.Recipe; it defines dict."),
    ],
)
def test_a_python_file_that_fails_is_reported_with_its_line(tmp_path: Path, code: str, sentence: str) -> None:
    path = written(tmp_path, code, "mine.py")
    with pytest.raises(RecipeError) as caught:
        choose_recipe(path)
    assert str(caught.value) == sentence.format(path=path, name=path.name)


FROM_A1 = "from dataclasses import replace\nfrom numpy import zeros\nfrom pawlab.recipes import find_recipe\n"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ("known_quirks=3", "known_quirks is a list of text, not 3."),
        ("preprocess=3", "preprocess is a table with height and width in pixels, not 3."),
        ("layers=3", "layers are tables that begin with [[layers]] each, not 3."),
        ("layers=[3]", "layer 1 is 3; its kind is one of "),
        ("layers=zeros(2)", "layers are tables that begin with [[layers]] each, not array([0., 0.])."),
        ("title=zeros((2, 1))", "title is text, not array([[0.], [0.]])."),
        ("epochs=10**5000", "epochs is at most 1,000,000,000, not this int."),
        ("learning_rate=0.0", "learning_rate is above 0.0, not 0.0."),
    ],
)
def test_values_of_the_wrong_type_in_a_python_file(tmp_path: Path, changes: str, sentence: str) -> None:
    path = written(tmp_path, f'{FROM_A1}RECIPE = replace(find_recipe("a1"), name="mine", {changes})', "mine.py")
    with pytest.raises(RecipeError) as caught:
        choose_recipe(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")


def test_facts_are_kept_as_a_runs_record_will_have_them(tmp_path: Path) -> None:
    facts = "published={'val_stable': (0.5, 0.6)}, known_quirks=['strange']"
    path = written(tmp_path, f'{FROM_A1}RECIPE = replace(find_recipe("a1"), name="mine", {facts})', "mine.py")
    recipe = choose_recipe(path)
    assert (recipe.published, recipe.known_quirks) == ({"val_stable": [0.5, 0.6]}, ("strange",))
    assert recipe.to_dict() == json.loads(json.dumps(recipe.to_dict()))


def blocks(language: str) -> list[str]:
    """Return the pieces of code in the documentation."""
    text = (Path(__file__).parents[2] / "docs" / "own.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_documentations_examples_are_right(tmp_path: Path) -> None:
    *recipes, description = blocks("toml")
    trainers = [choose_recipe(written(tmp_path, text)).trainer for text in recipes]
    assert trainers == ["keras"] * (len(recipes) - 1) + ["finetune"]
    (code,) = blocks("python")
    assert choose_recipe(written(tmp_path, code, "mine.py")).epochs == 40
    assert tomllib.loads(description).keys() < set(_KEYS)


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    text = """
epoch = 5
batch_size = 0.5

[preprocess]
height = 64
resize_mode = "stretch"
interpolation = "cubic"

[[layers]]
kind = "convolution"

[[layers]]
kind = "conv"
filter = 16
kernel_size = "3"

[[layers]]
kind = "dropout"
rate = 50

[[layers]]
filters = 3
"""
    kinds = "colour, conv, crop, dense, dropout, erase, fine_tune, flatten, flip, global_average_pool, "
    kinds += "global_max_pool, logistic_regression, pool, "
    kinds = f"its kind is one of backbone, {kinds}rescale, rotate, shear, shift, standardise, zoom"
    assert mistakes(tmp_path, text) == (
        "preprocess: width is missing; "
        "preprocess: resize_mode is 'squash', 'crop' or 'pad', not 'stretch'; "
        "preprocess: interpolation is 'area', 'bilinear' or 'nearest', not 'cubic'; "
        "epochs is missing; "
        "batch_size is a whole number, not 0.5; "
        "there is no 'epoch' (did you mean 'epochs'?); "
        f"layer 1 is {{'kind': 'convolution'}}; {kinds}; "
        "layer 2 (conv): filters is missing; "
        "layer 2 (conv): kernel_size is a whole number, not '3'; "
        "layer 2 (conv): there is no 'filter' (did you mean 'filters'?); "
        "layer 3 (dropout): rate is below 1.0, not 50; "
        f"layer 4 is {{'filters': 3}}; {kinds}."
    )


OLD_LOSS = "cross-entropy + L2, its strength chosen on validation"


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (TOML.replace("resize_mode", "fit"), "fit", "resize_mode"),
        ("oddities = ['x']" + TOML, "oddities", "known_quirks"),
        ('trainer = "head"' + PROBE, "head", "linear_probe"),
        (f'loss = "{OLD_LOSS}"' + PROBE, OLD_LOSS, "cross-entropy + L2, C chosen on validation"),
    ],
)
def test_former_names_work_with_a_warning(tmp_path: Path, text: str, old: str, new: str) -> None:
    path = written(tmp_path, text)
    sentence = re.escape(f"{path}: '{old}' is now '{new}'")
    with pytest.warns(DeprecationWarning, match=f"^{sentence}$"):
        recipe = choose_recipe(path)
    assert recipe == choose_recipe(written(tmp_path, text.replace(old, new)))


def test_a_python_file_may_use_the_former_name_of_known_quirks(tmp_path: Path) -> None:
    code = f"{FROM_A1}RECIPE = replace(find_recipe('a1'), name='mine', oddities=('strange',))"
    with pytest.warns(DeprecationWarning, match=r"^Recipe\(oddities=...\) is now known_quirks=...$"):
        recipe = choose_recipe(written(tmp_path, code, "mine.py"))
    assert recipe == replace(find_recipe("a1"), name="mine", known_quirks=("strange",))


def test_a_former_name_beside_its_new_one_is_refused(tmp_path: Path) -> None:
    both = changed('resize_mode = "crop"', 'resize_mode = "crop"\nfit = "pad"')
    assert mistakes(tmp_path, "oddities = []\nknown_quirks = []" + both) == (
        "preprocess: there is no 'fit'; there is no 'oddities'."
    )


def test_absurd_sizes_are_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path, TOML + "units = 900000000") == (
        "it has more than 1,000,000,000 parameters; take smaller layers or a pool more."
    )
    assert mistakes(tmp_path, TOML + "units = 1000000000000") == (
        "layer 5 (dense): units is at most 1,000,000,000, not 1000000000000."
    )
    assert mistakes(tmp_path, changed("height = 64", "height = 10001")) == (
        "preprocess: height is at most 10,000, not 10001."
    )


def test_a_value_is_shown_on_one_short_line(tmp_path: Path) -> None:
    assert mistakes(tmp_path, f"title = ['{'x' * 500}']" + TOML) == f"title is text, not ['{'x' * 75}...."
    unreadable = f"{tmp_path / 'mine.toml'} can't be read: "
    assert mistakes(tmp_path, "x = " + "[" * 20_000) == f"{unreadable}it is nested too deeply."


def test_pydantic_is_imported_for_files_alone() -> None:
    code = (
        "import sys; from pawlab.recipes import choose_recipe; choose_recipe('fast'); print('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def changed(old: str, new: str) -> str:
    assert TOML.count(old) == 1
    return TOML.replace(old, new)


FLATTEN = '[[layers]]\nkind = "flatten"\n\n'
BACKBONE = '[[layers]]\nkind = "backbone"\nname = "mobilenet_v2"\n'
CONV = '[[layers]]\nkind = "conv"\nfilters = 16\n'

ONE_MISTAKE = [
    (
        changed('kind = "conv"', 'kind = "conf"'),
        "zoom (did you mean 'conv'?).",
    ),
    (changed(FLATTEN, ""), "layer 4 (dense) can't take 31 x 23 x 16; put flatten or a global pool before it."),
    (changed(FLATTEN, FLATTEN * 2), ""),
    (changed(FLATTEN, FLATTEN + CONV), "layer 5 (conv) can't take 11408; move it further up."),
    (changed("pool_size = 2", "pool_size = 50"), "layer 3 (pool) has too little left to work on: 62 x 46 x 16."),
    (TOML + 'activation = "sigmoid"\nunits = 2', "the last layer has 2 units and a sigmoid; a sigmoid goes with 1."),
    (
        TOML + 'activation = "softmax"\nunits = 3',
        "the last layer gets as many units as there are classes by itself; leave",
    ),
    (TOML + "units = 1", "the last layer has 1 unit, which goes with activation sigmoid only."),
    (
        TOML + 'activation = "relo"',
        "layer 5 (dense): activation is 'linear', 'relu', 'relu6', 'sigmoid', 'silu', 'softmax' or 'tanh', not 'relo'.",
    ),
    (TOML + '[[layers]]\nkind = "dropout"\nrate = 0.5', ""),
    (TOML + FLATTEN, "the last layer is dense, with an output per class, not flatten."),
    (
        changed(CONV, CONV + BACKBONE),
        "layer 2 (conv) can't stand before the backbone; only rescale and augmentation can; ",
    ),
    (
        changed(CONV, BACKBONE),
        "both rescale and the backbone scale the pixels; give the backbone include_preprocessing =",
    ),
    (changed(CONV, BACKBONE + "cut = 'x'"), "layer 2 (backbone): cut can't be chosen for this layer; leave it out."),
    (
        changed(CONV, BACKBONE.replace("mobilenet_v2", "inception_v3") + "cut = 'x'"),
        "layer 2 (backbone): cut is 'mixed7', not 'x'.",
    ),
    (
        changed(CONV, BACKBONE.replace("et_v2", "etv2")),
        "name is that of a backbone, which `pawlab backbones` lists, not 'mobilenetv2' (did you mean 'mobilenet_v2'?).",
    ),
    (changed("height = 64", "height = 3"), "layer 3 (pool) has too little left to work on: 1 x 46 x 16."),
    (changed("epochs = 5", ""), "epochs is missing."),
    (changed("epochs = 5", "epochs = 0"), "epochs is 1 or more, not 0."),
    ("batch_size = 0" + TOML, "batch_size is 1 or more, not 0."),
    ("early_stopping = false" + TOML, "early_stopping is a whole number, not False."),
    ("early_stopping = 0" + TOML, ""),
    (changed("0.01", "-0.01"), "learning_rate is above 0.0, not -0.01."),
    (changed("0.01", "0"), "learning_rate is above 0.0, not 0."),
    (changed("0.01", "nan"), "learning_rate is a finite number, not nan."),
    (changed("0.01", f"1{400 * '0'}"), "learning_rate is a number, not 1000"),
    (
        changed("0.00392156862745098", f"1{400 * '0'}"),
        "layer 1 (rescale): scale is a number, or one each for red, green and blue, not 1000",
    ),
    ('optimizer = ""' + TOML, "optimizer is 'adam', 'adamw' or 'rmsprop', not ''."),
    ('optimizer = "sgd"' + TOML, "optimizer is 'adam', 'adamw' or 'rmsprop', not 'sgd'."),
    (
        'loss = "mse"' + TOML,
        "loss follows from the layers: it is 'sparse categorical cross-entropy from logits'; leave it",
    ),
    ('trainer = "linear_probe"' + TOML, "trainer follows from the layers: it is 'keras'; leave it out."),
    ('name = "../up"' + TOML, "name has nothing in it but letters, digits and . _ + -, not '../up'."),
    ("title = 0" + TOML, "title is text, not 0."),
    ('known_quirks = "x"' + TOML, "known_quirks is a list of text, not 'x'."),
    ("known_quirks = [3]" + TOML, "known_quirks is text, not 3."),
    ('published = "x"' + TOML, "published is a table, not 'x'."),
    (
        "measured = 3\nknown_quirks = 3\nepoch = 3" + TOML,
        "known_quirks is a list of text, not 3; measured is a table, not 3; there is no 'epoch' (did you mean",
    ),
    (
        "measured = { date = 2024-01-31 }" + TOML,
        "measured may hold text, finite numbers, true, false, lists and tables; write all else as text.",
    ),
    (
        "published = { x = nan }" + TOML,
        "published may hold text, finite numbers, true, false, lists and tables; write all else as text.",
    ),
    (
        "published = { val_stable = [0.5] }" + TOML,
        "published has val_stable, two numbers: the lowest and the highest accuracy.",
    ),
    (
        "published = { val_stable = [0.5, true] }" + TOML,
        "published has val_stable, two numbers: the lowest and the highest accuracy.",
    ),
    ("epochs = 3" + PROBE, "epochs has no meaning for logistic regression; leave it out."),
    ('optimizer = ""\nepochs = 0\nlearning_rate = 0.0' + PROBE, ""),
    (
        PROBE_OF_STAGES.replace("stage_6", "stage6"),
        "layer 1 (backbone): stages are some of stage_1, stage_2, stage_3, stage_4, stage_5, stage_6, stage_7, not "
        "'stage6' (did you mean 'stage_6'?).",
    ),
    (
        PROBE_OF_STAGES.replace('{ kind = "standard', '{ kind = "global_average_pool" },{ kind = "standard'),
        "logistic regression goes with the layers backbone with stages, standardise, logistic_regression, no others;",
    ),
    (
        changed(CONV, BACKBONE + "stages = ['stage_1']"),
        "the backbone's stages go with logistic regression only; leave them out",
    ),
    (
        PROBE.replace("global_average", "global_max"),
        "logistic regression goes with the layers backbone, global_average_",
    ),
    (
        "epochs = 1\noptimizer = 'adam'" + TUNED,
        "fine_tune goes with the optimizer adamw, not adam; leave it out.",
    ),
    (
        "epochs = 1" + TUNED.replace('kind = "flip"', 'kind = "dropout", rate = 0.1'),
        "fine_tune goes with the layers augmentation, backbone, global_average_pool, standardise, "
        "logistic_regression, fine_tune, no others.",
    ),
    (TUNED, "epochs is missing."),
    ("epochs = 1" + TUNED.replace("0.5", "0.0"), "layer 2 (crop): smallest is above 0.0, not 0.0."),
    (
        changed(CONV, '[[layers]]\nkind = "crop"\nsmallest = 0.5\n' + CONV),
        "layer 2 (crop) can stand before a backbone only",
    ),
    (
        "preprocess = 3\nlayers = []\nepochs = 1",
        "preprocess is a table with height and width in pixels, not 3; there are no [[layers]].",
    ),
    ("epochs = 1", "preprocess is missing; there are no [[layers]]."),
    (changed("height = 64", "height = 0"), "preprocess: height is 1 or more, not 0."),
    (changed("height = 64", "height = true"), "preprocess: height is a whole number, not True."),
    (changed("width", "widht"), "width is missing; preprocess: there is no 'widht' (did you mean 'width'?)."),
    ('name = "fast"\ntitle = 3' + TOML, "title is text, not 3; the name 'fast' is that of a built-in recipe; choose"),
    (
        PROBE.partition("layers")[0] + "[layers]\nkind = 'dense'",
        "epochs is missing; layers are tables that begin with [[layers]] each, not {'kind': 'dense'}.",
    ),
]


def test_a_recipe_of_ones_own_can_be_fine_tuned(tmp_path: Path) -> None:
    recipe = choose_recipe(written(tmp_path, "epochs = 3" + TUNED))
    assert (recipe.trainer, recipe.optimizer, recipe.epochs) == ("finetune", "adamw", 3)
    assert recipe.loss == "sparse categorical cross-entropy from logits"
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert [line.trainable for line in summarise(recipe)] == [False, False, True, False, True, False]


@pytest.mark.parametrize(("text", "sentence"), ONE_MISTAKE)
def test_each_mistake_is_reported(tmp_path: Path, text: str, sentence: str) -> None:
    if sentence:
        assert sentence in mistakes(tmp_path, text)
    else:
        choose_recipe(written(tmp_path, text))


def test_a_picture_too_small_for_its_backbone(tmp_path: Path) -> None:
    text = PROBE.replace("96", "20")
    assert mistakes(tmp_path, text) == "layer 1 (backbone) takes pictures of at least 32 x 32 pixels, not 20 x 20 x 3."


@pytest.mark.parametrize("name", ["mine.toml", "mine.py"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(RecipeError) as caught:
        choose_recipe(str(path))
    assert str(caught.value) == (
        f"there is no recipe file {path}. Check the path; `pawlab recipes` lists the built-in ones."
    )


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    path = written(tmp_path, "[[layers]\n")
    with pytest.raises(RecipeError) as caught:
        choose_recipe(path)
    assert str(caught.value).startswith(f"{path} can't be read: ")
    assert "line 1" in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML, encoding="utf-8-sig")
    assert choose_recipe(tmp_path / "mine.toml") == choose_recipe(written(tmp_path, TOML))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_file_in_another_encoding_is_to_be_saved_anew(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(changed("To try things", "Für Übungen"), encoding=encoding)
    with pytest.raises(RecipeError) as caught:
        choose_recipe(path)
    assert str(caught.value) == f"{path} can't be read: it isn't text in UTF-8. Save it as UTF-8."


def test_only_files_named_by_the_user_are_run(tmp_path: Path) -> None:
    """`find_recipe`, which runs' records go through, opens none."""
    touched = tmp_path / "touched"
    path = written(tmp_path, f"open({str(touched)!r}, 'w').close()", "mine.py")
    with pytest.raises(RecipeError, match=r"^there is no recipe '"):
        find_recipe(str(path))
    assert not touched.exists()
    record: Any = find_recipe("fast").to_dict()
    assert Recipe.from_dict(record) == find_recipe("fast")


def test_a_program_is_said_to_be_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    choose_recipe(written(tmp_path, TOML))
    assert not caplog.messages
    path = written(
        tmp_path, FROM_A1 + 'RECIPE = replace(find_recipe("a1"), name="mine", published={}, measured={})', "mine.py"
    )
    choose_recipe(path)
    assert caplog.messages == [
        f"pawlab: {path} is a program and is RUN, with all your rights. Use none that you haven't read."
    ]
