"""Mutations of parsed JSON, above all of descriptions of Keras models."""

import base64
import copy
import json
import marshal
from random import Random
from typing import Any

# Texts that are replaced after the values have been written as JSON: nested too deeply, or a number
# too long, for Python's own writer.
DEEP, LONG_NUMBER, INFINITE = "@deep@", "@long@", "@infinite@"
NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 7, 255, 65536, 10**6, 10**8, 2**31 - 1, 2**31, 2**63, -(2**63), 10**30),
    *(0.5, -0.5, 1e-30, 1e30, 1.7e308, float("nan"), float("inf"), -float("inf")),
)
TEXTS = (
    *(
        "",
        "x" * 3000,
        "\x1b[2J\x1b]0;title\x07",
        "[bold red]x[/bold red]",
        "a\nb",
        "\ud800",
        "é\u202e",
    ),
    *("/etc/passwd", "../../etc/passwd", "lambda", "__lambda__", "function", "Custom>Dense", "{}"),
    *("valid", "same", "causal", "channels_first", "float16", "complex64", "string", "variant"),
    *("relu", "softmax", "mixed_float16", "None", "nan", "i,j->k", "a" * 70, "%s%n", "name/of:0"),
)
EMPTY: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, [[[[0]]]])
LAYERS = (
    *("Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "SeparableConv1D", "Flatten"),
    *("BatchNormalization", "LSTM", "GRU", "Bidirectional", "TimeDistributed", "Reshape", "Dot"),
    *("Embedding", "MultiHeadAttention", "EinsumDense", "Conv2DTranspose", "Concatenate", "RNN"),
    *("UpSampling2D", "ZeroPadding2D", "Cropping2D", "Permute", "RepeatVector", "Softmax", "Dot"),
    *(
        "GroupNormalization",
        "Discretization",
        "CategoryEncoding",
        "Resizing",
        "RandomCrop",
        "PReLU",
    ),
    *(
        "ConvLSTM2D",
        "LocallyConnected1D",
        "Normalization",
        "InputLayer",
        "Functional",
        "Sequential",
    ),
    *("StringLookup", "Hashing", "TextVectorization", "Lambda", "Layer", "Wrapper", "TFSMLayer"),
)
Place = tuple[Any, Any]


def mutate(tree: Any, random: Random, canary: str) -> Any:
    """Return a copy of a tree with one to three changes.

    Args:
        tree: Parsed JSON.
        random: Source of all choices.
        canary: Path that code in the tree tries to create.
    """
    root = {"root": copy.deepcopy(tree)}
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if root:  # the whole tree may have been removed
            random.choice(CHANGES)(root, random, canary)
    return root.get("root")


def write(tree: Any, random: Random) -> str:
    """Write a tree as JSON, sometimes not quite as JSON."""
    text = json.dumps(tree)
    for mark, replacement in (
        (DEEP, "[" * 50_000 + "]" * 50_000),
        (LONG_NUMBER, "9" * 6000),
        (INFINITE, "1e999"),
    ):
        text = text.replace(f'"{mark}"', replacement)
    kind = random.randrange(40)
    if kind == 0:
        return text[: random.randrange(len(text))]
    if kind == 1:
        place = random.randrange(len(text))
        return text[:place] + random.choice('{}[],:"\x00\\9') + text[place + 1 :]
    if kind == 2 and text.startswith("{"):
        return '{"class_name": "Functional", "config": {}, ' + text[1:]
    if kind == 3 and text.endswith("}"):
        return text[:-1] + ', "class_name": "Lambda", "config": null}'
    return text


def list_places(tree: Any) -> list[Place]:
    """List all values: what holds them, and by which key."""
    places: list[Place] = []
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return places


def list_objects(tree: Any) -> list[Place]:
    """List descriptions of objects: mappings with a class."""
    return [
        (holder, key)
        for holder, key in list_places(tree)
        if isinstance(holder[key], dict) and "class_name" in holder[key]
    ]


def draw_value(random: Random) -> Any:
    """Draw a value of any type."""
    group = random.choice((NUMBERS, NUMBERS, TEXTS, EMPTY, (DEEP, LONG_NUMBER, INFINITE)))
    return copy.deepcopy(random.choice(group))


def _draw_place(tree: Any, random: Random) -> Place:
    """Draw a value: any of them, or one of a setting of an object."""
    objects = list_objects(tree)
    if objects and random.random() < 0.5:
        holder, key = random.choice(objects)
        config = holder[key].get("config")
        if isinstance(config, dict) and config:
            return config, random.choice(list(config))
    return random.choice(list_places(tree))


def _replace(tree: Any, random: Random, canary: str) -> None:
    holder, key = _draw_place(tree, random)
    holder[key] = draw_value(random)


def _remove(tree: Any, random: Random, canary: str) -> None:
    holder, key = _draw_place(tree, random)
    del holder[key]


def _duplicate(tree: Any, random: Random, canary: str) -> None:
    holder, key = _draw_place(tree, random)
    value = copy.deepcopy(holder[key])
    if isinstance(holder, list):
        for _ in range(random.choice((1, 1, 3, 300))):
            holder.insert(random.randrange(len(holder) + 1), value)
    else:
        holder[random.choice((f"{key}2", "config", "name", "layers", "module"))] = value


def _swap(tree: Any, random: Random, canary: str) -> None:
    places = [place for place in list_places(tree) if place[0] is not tree]
    if len(places) < 2:
        return
    (one, first), (other, second) = random.sample(places, 2)
    value, another = copy.deepcopy(one[first]), copy.deepcopy(other[second])
    one[first] = another
    if isinstance(other, list) or second in other:
        other[second] = value


def _change_type(tree: Any, random: Random, canary: str) -> None:
    holder, key = _draw_place(tree, random)
    value = holder[key]
    kinds: list[Any] = [[value], {"value": value}, str(value), bool(value), [value] * 5]
    if isinstance(value, int | float):
        kinds += [float(value), f"{value}", [value, value]]
    holder[key] = random.choice(kinds)


def _change_number(tree: Any, random: Random, canary: str) -> None:
    """Change a number as a structure is most sensitive to it: by one, in sign, by magnitudes."""
    places = [place for place in list_places(tree) if type(place[0][place[1]]) in (int, float)]
    if not places:
        return
    holder, key = random.choice(places)
    value = holder[key]
    holder[key] = random.choice((value + 1, value - 1, -value, value * 10**6, value + 0.5, 0))


def _nest(tree: Any, random: Random, canary: str) -> None:
    """Put a value, mostly an object, within itself many times."""
    holder, key = random.choice(list_objects(tree) or list_places(tree))
    value = copy.deepcopy(holder[key])
    for _ in range(random.choice((2, 20, 150))):
        value = random.choice(
            ([value], {"class_name": "TimeDistributed", "config": {"name": "t", "layer": value}})
        )
    holder[key] = value


def _connect(tree: Any, random: Random, canary: str) -> None:
    """Connect layers in another way: in a circle, to themselves, to outputs that do not exist."""
    names = [holder[key] for holder, key in list_places(tree) if key == "name"]
    references = [
        holder[key]
        for holder, key in list_places(tree)
        if isinstance(holder[key], list) and len(holder[key]) in (3, 4) and holder[key][0] in names
    ]
    if not references:
        return
    reference = random.choice(references)
    position = random.randrange(3)
    reference[position] = (
        random.choice(names) if position == 0 else random.choice((1, -1, 7, 2**40))
    )


def _rename_class(tree: Any, random: Random, canary: str) -> None:
    objects = list_objects(tree)
    if objects:
        holder, key = random.choice(objects)
        prefix = random.choice(("", "", "", "Custom>", "package>Custom>"))
        holder[key]["class_name"] = prefix + random.choice(LAYERS)


def _insert_code(tree: Any, random: Random, canary: str) -> None:
    """Put an object that runs code in the place of another one, under its name."""
    payload = random.choice(make_code_objects(canary))
    objects = list_objects(tree)
    if not objects or random.random() < 0.3:
        holder, key = _draw_place(tree, random)
        holder[key] = payload
        return
    holder, key = random.choice(objects)
    old = holder[key]
    config, old_config = payload.get("config"), old.get("config")
    if isinstance(config, dict) and isinstance(old_config, dict):
        payload["config"] = {**config, "name": old_config.get("name", "x")}
    links = {name: old[name] for name in ("name", "inbound_nodes", "build_config") if name in old}
    holder[key] = {**payload, **links}


def _hide_code(tree: Any, random: Random, canary: str) -> None:
    """Add an object that runs code to a setting that holds objects."""
    objects = [holder[key] for holder, key in list_objects(tree)]
    configs = [entry["config"] for entry in objects if isinstance(entry.get("config"), dict)]
    if configs:
        names = (
            *(
                "kernel_initializer",
                "kernel_regularizer",
                "kernel_constraint",
                "activation",
                "dtype",
            ),
            *("layer", "cell", "backward_layer", "function", "custom_objects", "vocabulary"),
            *("activity_regularizer", "batch_input_shape", "arguments", "fn", "call", "get_config"),
        )
        random.choice(configs)[random.choice(names)] = random.choice(make_code_objects(canary))


def make_code_objects(canary: str) -> list[dict[str, Any]]:
    """Make descriptions of objects that create a file when Keras builds or calls them."""
    function = eval(f"lambda *x, **options: open({canary!r}, 'w').close() or x[0]")
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    new = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    old = [code, None, None]
    common = {"name": "x", "trainable": True, "dtype": "float32"}
    kinds = {"function_type": "lambda", "module": "__main__", "arguments": {}, "output_shape": None}
    kinds["output_shape_type"] = "raw"
    cell = {"class_name": "LSTMCell", "config": {**common, "units": 3}}
    wrapper = {"cell": cell, "residual_fn": old, "residual_fn_type": "lambda"}
    wrapper["residual_fn_module"] = "__main__"
    wrapped = {"class_name": "ResidualWrapper", "config": {**common, **wrapper}}
    gru_cell = {"class_name": "GRUCell", "config": {**common, "units": 3}}
    dropout = {"cell": gru_cell, "dropout_fn": old, "dropout_fn_type": "lambda"}
    dropped = {"class_name": "DropoutWrapper", "config": {**common, **dropout}}
    return [
        {"class_name": "Lambda", "config": {**common, "function": new, **kinds}},
        {"class_name": "Lambda", "config": {**common, "function": old, **kinds}},
        {"class_name": "Custom>Lambda", "config": {**common, "function": old, **kinds}},
        new,
        {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"},
        {"class_name": "function", "config": "Custom>x", "module": "os", "registered_name": "x"},
        # The import of this module prints a text, for which the runner looks.
        {"class_name": "function", "config": "s", "module": "this", "registered_name": "s"},
        {"class_name": "Custom>Layer", "config": common, "module": "this", "registered_name": "x"},
        {"class_name": "open", "module": "builtins", "config": {"file": canary, "mode": "w"}},
        {"class_name": "Popen", "module": "subprocess", "config": {"args": ["touch", canary]}},
        {"class_name": "RNN", "config": {**common, "cell": wrapped}},
        {"class_name": "RNN", "config": {**common, "cell": dropped}},
        wrapped,
        {"class_name": "TFOpLambda", "config": {**common, "function": "io.write_file"}},
        {"class_name": "TFOpLambda", "config": {**common, "function": "numpy_function"}},
        {"class_name": "TFOpLambda", "config": {**common, "function": "py_function"}},
        {"class_name": "SlicingOpLambda", "config": {**common, "function": "io.read_file"}},
        {"class_name": "TextVectorization", "config": {**common, "vocabulary": "/etc/passwd"}},
        {"class_name": "StringLookup", "config": {**common, "vocabulary": "/etc/passwd"}},
        {"class_name": "TFSMLayer", "config": {**common, "filepath": "program_saved"}},
        {"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "Lambda"}]}},
        {"class_name": "__tensor__", "config": {"value": [1.0] * 50, "dtype": "float32"}},
        {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": {}},
    ]


CHANGES = (
    *(_replace, _replace, _replace, _remove, _remove, _duplicate, _swap, _change_type),
    *(_change_number, _change_number, _nest, _connect, _rename_class, _insert_code, _hide_code),
)
