"""Models in the form that Akida's toolchain takes, computing the same.

What it would do by itself it does for all layers or for none, and says nothing when it gives up:
one batch normalization without gamma keeps all others from being folded (quantizeml 1.2.5,
`models/transforms`). So it is done here, layer by layer.
"""

from snugnet.akida.blocks import CONVOLUTIONS, WEIGHTED, get_padding
from snugnet.compress.graph.fold import fold
from snugnet.compress.graph.functional import functional
from snugnet.core.errors import InputError, NotAkidaError
from snugnet.models.loading.keras2 import tf_keras

HEADS = ("softmax", "sigmoid")
ELEMENTWISE = ("ReLU", "Activation", "BatchNormalization", "Dropout")


def prepare_model(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model without its last activation, with batch normalization folded.

    The padding of a pool becomes that of the convolution before it where no element is padded
    either way; zeros padded before a convolution become its own where that gives the same.

    Returns:
        A functional model that gives what `model` gives before its softmax or sigmoid.

    Raises:
        NotAkidaError: If it has several inputs or outputs, or uses a layer twice.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        ends = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise NotAkidaError(f"{model.name} has {ends}; only one of each is supported")
    try:
        model = functional(model)
    except InputError as error:
        raise NotAkidaError(str(error)) from None
    model = _padded_by_convolutions(fold(remove_head(model), WEIGHTED))
    config = model.get_config()
    for layer in config["layers"]:
        pool = model.get_layer(layer["name"])
        if type(pool) is tf_keras.layers.MaxPooling2D and _pads_nothing(pool):
            before = _convolution_before(pool)
            if before is not None:
                layer["config"]["padding"] = get_padding(before)
    copy = tf_keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def get_head_activation(model: tf_keras.Model) -> str:
    """Name the activation that a model ends with: softmax, sigmoid or linear."""
    last = model.layers[-1]
    if type(last) is tf_keras.layers.Softmax:
        return "softmax"
    name: str = getattr(last, "activation", tf_keras.activations.linear).__name__
    return name


def remove_head(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a functional model without the softmax or sigmoid at its end."""
    if get_head_activation(model) not in HEADS:
        return model
    last = model.layers[-1]
    if type(last).__name__ in ("Activation", "Softmax"):
        return functional(tf_keras.Model(model.inputs, last.input))
    config = model.get_config()
    config["layers"][-1]["config"]["activation"] = "linear"
    copy = tf_keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _pads_nothing(pool: tf_keras.layers.MaxPooling2D) -> bool:
    """Tell whether `same` and `valid` give the same: the last window ends where the input does."""
    sizes = zip(pool.input_shape[1:3], pool.pool_size, pool.strides, strict=True)
    return all((-(-size // stride) - 1) * stride + window == size for size, window, stride in sizes)


def _convolution_before(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer | None:
    """Find the convolution that a pool follows, past what treats each element by itself."""
    before = layer.inbound_nodes[0].inbound_layers
    while type(before).__name__ in ELEMENTWISE:
        before = before.inbound_nodes[0].inbound_layers
    return before if type(before).__name__ in CONVOLUTIONS else None


def _padded_by_convolutions(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a functional model with padding layers left out where `same` pads as they do."""
    readers = {
        layer.name: [node.outbound_layer for node in layer.outbound_nodes]
        for layer in model.layers
        if type(layer) is tf_keras.layers.ZeroPadding2D
    }
    gone = {
        name: model.get_layer(name).inbound_nodes[0].inbound_layers.name
        for name, found in readers.items()
        if found and all(_pads_as_same(model.get_layer(name), reader) for reader in found)
    }
    if not gone:
        return model
    padded = {reader.name for name in gone for reader in readers[name]}
    config = model.get_config()
    config["layers"] = [layer for layer in config["layers"] if layer["name"] not in gone]
    for layer in config["layers"]:
        if layer["name"] in padded:
            layer["config"]["padding"] = "same"
            (source,) = layer["inbound_nodes"][0]
            source[0] = gone[source[0]]
    copy = tf_keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _pads_as_same(pad: tf_keras.layers.Layer, reader: tf_keras.layers.Layer) -> bool:
    """Tell whether a `valid` convolution behind a padding layer is a `same` one without it."""
    if type(reader).__name__ not in CONVOLUTIONS or reader.padding != "valid":
        return False
    axes = zip(pad.input_shape[1:3], reader.kernel_size, reader.strides, pad.padding, strict=True)
    return max(reader.dilation_rate) == 1 and all(
        tuple(padding) == _same_padding(size, kernel, stride)
        for size, kernel, stride, padding in axes
    )


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Give what TensorFlow pads before and behind one axis."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
