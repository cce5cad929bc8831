"""Tests of the rules that find obstacles to a conversion for Akida."""

import pytest

DEVICE = {"v1": "AKD1000", "v2": "SixNodesIPv2"}

CASES = {
    "a mean of windows": ("v2", "average", "AveragePooling2D cannot be quantized here"),
    "two channels": ("v2", "conv_1", "2 input channels"),
    "kernel of four": ("v1", "conv_1", r"kernel \(4, 4\) in the first convolution"),
    "no relu": ("v2", "conv_1", "the first convolution has no ReLU"),
    "unbounded": ("v1", "conv_1", "no bounded ReLU after it"),
    "pool padding": (
        "v1",
        "pool pool",
        "pooling has padding 'valid' after a convolution with 'same'",
    ),
    "pool before dense": ("v2", "conv_2", "pooling before Dense, Add or the output"),
    "early mean": ("v2", "conv_2 conv_2", "GlobalAveragePooling2D before the ReLU"),
    "late mean": ("v1", "conv_2", "GlobalAveragePooling2D after the ReLU"),
    "add": ("v1", "conv_1 add", "Add: Akida 1 supports sequential models only"),
    "depthwise": ("v1", "depthwise", "DepthwiseConv2D without a pointwise"),
    "separable": ("v2", "separable", "SeparableConv2D"),
    "last relu": ("v2", "scores", "the model ends with a ReLU"),
    "tanh": ("v2", "conv_2", "unsupported activation tanh"),
    "stride of three": ("v2", "conv_2", "stride 3 with kernel 3"),
    "not square": ("v1", "conv_2", r"kernel \(3, 5\) is not square"),
    "wide dense": ("v2", "scores", "Dense has 4096 inputs"),
}


def build(case: str):
    from tf_keras import Model, layers

    size = 32 if case == "wide dense" else 16
    inputs = layers.Input((size, size, 2 if case == "two channels" else 1), name="input")
    kernel = 4 if case == "kernel of four" else 3
    x = layers.Conv2D(4, kernel, padding="same", name="conv_1")(inputs)
    if case == "pool padding":
        x = layers.MaxPooling2D(3, 2, name="pool")(x)
    if case != "no relu":
        x = layers.ReLU(None if case == "unbounded" else 6.0, name="relu_1")(x)
    if case == "a mean of windows":
        x = layers.AveragePooling2D(2, name="average")(x)
    if case == "depthwise":
        x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
        x = layers.ReLU(6.0, name="relu_d")(x)
    if case == "separable":
        x = layers.SeparableConv2D(4, 3, padding="same", name="separable")(x)
        x = layers.ReLU(6.0, name="relu_s")(x)
    stride = 3 if case == "stride of three" else 1
    shape = (3, 5) if case == "not square" else 3
    before = x
    x = layers.Conv2D(4, shape, strides=stride, padding="same", name="conv_2")(x)
    if case == "pool before dense":
        x = layers.MaxPooling2D(2, padding="same", name="pool")(x)
    if case == "early mean":
        x = layers.GlobalAveragePooling2D(name="gap")(x)
    if case == "tanh":
        x = layers.Activation("tanh", name="tanh")(x)
    else:
        x = layers.ReLU(6.0, name="relu_2")(x)
    if case == "late mean":
        x = layers.GlobalAveragePooling2D(name="gap")(x)
    if case == "add":
        x = layers.Add(name="add")([before, x])
        x = layers.Conv2D(4, 3, padding="same", name="conv_3")(x)
        x = layers.ReLU(6.0, name="relu_3")(x)
    if "mean" not in case or case == "a mean of windows":
        x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(5, name="scores")(x)
    if case == "last relu":
        return Model(inputs, layers.ReLU(6.0, name="relu_last")(x))
    return Model(inputs, layers.Softmax(name="softmax")(x))


@pytest.mark.parametrize("case", CASES)
def test_find_obstacles_names_layer_and_fix_when_rule_is_broken(case, keras):
    import re

    from snugnet.akida.obstacles import find_obstacles
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    version, layer, rule = CASES[case]
    scheme = AKIDA_SCHEMES["akida_v1_w4a4" if version == "v1" else "akida_v2_w8a8"]
    obstacles = find_obstacles(prepare_model(build(case)), scheme, DEVICE[version])
    assert [obstacle.layer for obstacle in obstacles] == layer.split(), obstacles
    assert [obstacle for obstacle in obstacles if re.search(rule, obstacle.rule)]
    assert all(obstacle.fix for obstacle in obstacles)


def chain(*links, size=12):
    """A network of the layers given, from one channel to three classes."""
    from tf_keras import Model, layers

    inputs = layers.Input((size, size, 1), name="input")
    x = inputs
    for link in links:
        x = link(x)
    return Model(inputs, layers.Dense(3, name="scores")(layers.Flatten(name="flatten")(x)))


def conv(name, filters=4, kernel=3, **settings):
    from tf_keras import layers

    return layers.Conv2D(filters, kernel, **{"padding": "same", **settings}, name=name)


def relu(name):
    from tf_keras import layers

    return layers.ReLU(6.0, name=name)


def skip(x):
    from tf_keras import layers

    x = relu("r2")(conv("c2")(x))
    return relu("r3")(conv("c3")(layers.Add(name="add")([x, conv("linear")(x)])))


def first_into_add(x):
    from tf_keras import layers

    x = relu("r1")(conv("c1")(x))
    return relu("r3")(conv("c3")(layers.Add(name="add")([x, relu("r2")(conv("c2")(x))])))


def input_into_add(x):
    from tf_keras import layers

    y = relu("r1")(conv("c1", filters=1)(x))
    return relu("r2")(conv("c2")(layers.Add(name="add")([x, y])))


V1, V2, V2_4 = "akida_v1_w4a4", "akida_v2_w8a8", "akida_v2_w4a4"
CHAINS = {
    "groups": (V2, "c2", "groups is greater than 1", lambda: [conv("c2", groups=2), relu("r2")]),
    "dilation": (
        V2,
        "c2",
        "dilated convolution",
        lambda: [conv("c2", dilation_rate=2), relu("r2")],
    ),
    "strides": (V2, "c2", "strides", lambda: [conv("c2", strides=(1, 2)), relu("r2")]),
    "valid": (V2, "c2", "padding 'valid'", lambda: [conv("c2", padding="valid"), relu("r2")]),
    "kernel of nine": (V1, "c2", r"kernel \(9, 9\)", lambda: [conv("c2", kernel=9), relu("r2")]),
    "no relu at 4 bits": (V2_4, "c2", "4-bit weights without ReLU", lambda: [conv("c2")]),
    "linear into add at 4 bits": (V2_4, "add linear", "4-bit weights require", lambda: [skip]),
}


@pytest.mark.parametrize("case", CHAINS)
def test_find_obstacles_names_layer_when_one_layer_breaks_a_rule(case, keras):
    import re

    from snugnet.akida.obstacles import find_obstacles
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    name, layer, rule, links = CHAINS[case]
    scheme = AKIDA_SCHEMES[name]
    model = chain(conv("c1"), relu("r1"), *links())
    obstacles = find_obstacles(prepare_model(model), scheme, DEVICE[scheme.version])
    assert sorted(obstacle.layer for obstacle in obstacles) == layer.split(), obstacles
    assert [obstacle for obstacle in obstacles if re.search(rule, obstacle.rule)]


def rules(model, name, device):
    from snugnet.akida.obstacles import find_obstacles
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    return {
        o.layer: o.rule for o in find_obstacles(prepare_model(model), AKIDA_SCHEMES[name], device)
    }


def test_find_obstacles_depends_on_device_when_version_is_v1(keras):
    from tf_keras import layers

    pool = layers.MaxPooling2D(3, padding="same", name="pool")
    links = [conv("c1"), relu("r1"), conv("c2"), pool, relu("r2"), conv("c3"), relu("r3")]
    model = chain(*links)
    assert rules(model, V1, "AKD1500") == {}
    assert rules(model, V1, "AKD1000") == {"pool": "pool size (3, 3)"}
    wide = chain(conv("w1", filters=64), relu("w2"), size=32)
    assert rules(wide, V1, "AKD1500") == {}
    assert rules(wide, V1, "AKD1000") == {"scores": "Dense has 65536 inputs"}


def test_find_obstacles_names_layer_when_its_position_is_wrong(keras):
    from tf_keras import layers

    assert (
        "one filter on one input channel"
        in rules(chain(conv("c1", filters=1), relu("r1")), V2, "x")["c1"]
    )
    assert "the first layer, feeds Add" in rules(chain(first_into_add), V2_4, "x")["add"]
    obstacles = rules(chain(input_into_add), V2, "x")
    assert obstacles["add"] in ("c1 and add read the input", "Add reads the input")
    pool = layers.MaxPooling2D(2, padding="same", name="pool")
    mean = layers.GlobalAveragePooling2D(name="mean")
    links = [conv("c1"), relu("r1"), conv("c2"), pool, mean, relu("r2")]
    assert rules(chain(*links), V1, "AKD1000") == {
        "c2": "pooling and GlobalAveragePooling2D after one convolution"
    }


@pytest.mark.parametrize(("is_supported", "rule"), [(True, "Dense reads the input"), (False, None)])
def test_find_obstacles_names_layers_when_dense_follows_them(keras, is_supported, rule):
    from tf_keras import Sequential, layers

    mean = layers.GlobalAveragePooling1D(name="mean")
    first = layers.Flatten() if is_supported else mean
    model = Sequential([layers.Input((8, 3)), first, layers.Dense(2, name="scores")])
    obstacles = rules(model, V2, "x")
    assert obstacles["scores"] == (rule or "the layers before it cannot be converted")
    assert ("mean" in obstacles) != is_supported


def test_find_obstacles_returns_none_when_layer_is_allowed(keras):
    from tf_keras import layers

    fifth = layers.DepthwiseConv2D(5, strides=2, padding="same", name="fifth")
    table = layers.Activation("swish", name="table")
    norm = layers.BatchNormalization(name="norm")
    pool = layers.MaxPooling2D(2, padding="same", name="pool")
    pooled = [conv("c2"), pool, norm, relu("r2"), conv("c3"), relu("r3")]
    for links in ([fifth, relu("r2")], [conv("c2"), table], pooled):
        assert rules(chain(conv("c1"), relu("r1"), *links), V2, "SixNodesIPv2") == {}
    wide = [conv("c1", strides=(1, 2)), relu("r1")]
    assert rules(chain(*wide), V1, "AKD1000") == {}


def test_find_obstacles_lists_all_when_several_rules_are_broken(keras):
    from tf_keras import Model, layers

    from snugnet.akida.obstacles import find_obstacles
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES

    inputs = layers.Input((16, 16, 2), name="input")
    x = layers.Conv2D(4, (3, 4), name="first")(inputs)
    x = layers.Conv2D(4, 9, padding="same", name="second")(x)
    x = layers.Dense(3, name="scores")(layers.Flatten(name="flatten")(x))
    obstacles = find_obstacles(
        prepare_model(Model(inputs, x)), AKIDA_SCHEMES["akida_v1_w4a4"], "AKD1000"
    )
    assert {obstacle.layer for obstacle in obstacles} == {"first", "second"}
    assert len(obstacles) >= 5


def test_find_obstacles_returns_none_when_model_fits(keras):
    from snugnet.akida.obstacles import find_obstacles
    from snugnet.akida.rewrite import prepare_model
    from snugnet.core.akida_schemes import AKIDA_SCHEMES
    from snugnet.core.settings.architectures.akida_cnn import AkidaCnn
    from snugnet.models.architectures import akida_cnn

    settings = AkidaCnn(filters=(8, 16), dropout=0.1, batch_norm=True)
    model = akida_cnn.build(settings, (16, 20, 1), "multiclass", 5)
    for scheme in AKIDA_SCHEMES.values():
        assert find_obstacles(prepare_model(model), scheme, DEVICE[scheme.version]) == []
