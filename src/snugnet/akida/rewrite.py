"""Rewriting of models for Akida's toolchain, with the same function.

The toolchain's own transforms apply to all layers or to none, and they fail without a message. For
example, one batch normalization without gamma prevents the folding of all others (quantizeml 1.2.5,
`models/transforms`). This module therefore rewrites each layer by itself.
"""

from snugnet.akida.blocks import AKIDA_KERNEL_LAYERS, CONVOLUTIONS, get_padding
from snugnet.compress.graph.fold import fold_batch_norm
from snugnet.compress.graph.functional import to_functional
from snugnet.core.errors import InputError, NotAkidaError
from snugnet.models.loading.keras2 import tf_keras

HEADS = ("softmax", "sigmoid")
ELEMENTWISE = ("ReLU", "Activation", "BatchNormalization", "Dropout")


def prepare_model(model: tf_keras.Model) -> tf_keras.Model:
    """Copy a model without its last activation and with folded batch normalization.

    A pooling layer takes the padding of the convolution before it if both paddings pad nothing. A
    ZeroPadding2D layer is replaced by padding='same' in the next convolutions if the result is the
    same.

    Args:
        model: Float model.

    Returns:
        A functional model whose output is that of `model` before its softmax or sigmoid.

    Raises:
        NotAkidaError: If the model has several inputs or outputs, or uses a layer twice.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        counts = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise NotAkidaError(f"{model.name} has {counts}; only one of each is supported")
    try:
        model = to_functional(model)
    except InputError as error:
        raise NotAkidaError(str(error)) from None
    model = _remove_padding_layers(fold_batch_norm(remove_head(model), AKIDA_KERNEL_LAYERS))
    config = model.get_config()
    for layer in config["layers"]:
        pool = model.get_layer(layer["name"])
        if type(pool) is tf_keras.layers.MaxPooling2D and _has_no_padding(pool):
            convolution = _find_convolution_before(pool)
            if convolution is not None:
                layer["config"]["padding"] = get_padding(convolution)
    copy = tf_keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def get_head_activation(model: tf_keras.Model) -> str:
    """Get the name of a model's last activation, such as softmax, sigmoid or linear."""
    last = model.layers[-1]
    if type(last) is tf_keras.layers.Softmax:
        return "softmax"
    name: str = getattr(last, "activation", tf_keras.activations.linear).__name__
    return name


def remove_head(model: tf_keras.Model) -> tf_keras.Model:
    """Remove the softmax or sigmoid at the end of a functional model, if there is one."""
    if get_head_activation(model) not in HEADS:
        return model
    last = model.layers[-1]
    if type(last).__name__ in ("Activation", "Softmax"):
        return to_functional(tf_keras.Model(model.inputs, last.input))
    config = model.get_config()
    config["layers"][-1]["config"]["activation"] = "linear"
    copy = tf_keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _has_no_padding(pool: tf_keras.layers.MaxPooling2D) -> bool:
    """Check whether `same` and `valid` are equal: the last window ends at the end of the input."""
    sizes = zip(pool.input_shape[1:3], pool.pool_size, pool.strides, strict=True)
    return all((-(-size // stride) - 1) * stride + window == size for size, window, stride in sizes)


def _find_convolution_before(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer | None:
    """Find the convolution before a pooling layer; elementwise layers may lie between them."""
    previous = layer.inbound_nodes[0].inbound_layers
    while type(previous).__name__ in ELEMENTWISE:
        previous = previous.inbound_nodes[0].inbound_layers
    return previous if type(previous).__name__ in CONVOLUTIONS else None


def _remove_padding_layers(model: tf_keras.Model) -> tf_keras.Model:
    """Remove the padding layers of a functional model that padding='same' can replace."""
    readers = {
        layer.name: [node.outbound_layer for node in layer.outbound_nodes]
        for layer in model.layers
        if type(layer) is tf_keras.layers.ZeroPadding2D
    }
    # For each padding layer to remove: the layer that it reads.
    sources = {
        name: model.get_layer(name).inbound_nodes[0].inbound_layers.name
        for name, convolutions in readers.items()
        if convolutions
        and all(_is_same_padding(model.get_layer(name), layer) for layer in convolutions)
    }
    if not sources:
        return model
    padded = {reader.name for name in sources for reader in readers[name]}
    config = model.get_config()
    config["layers"] = [layer for layer in config["layers"] if layer["name"] not in sources]
    for layer in config["layers"]:
        if layer["name"] in padded:
            layer["config"]["padding"] = "same"
            (connection,) = layer["inbound_nodes"][0]
            connection[0] = sources[connection[0]]
    copy = tf_keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _is_same_padding(pad: tf_keras.layers.Layer, reader: tf_keras.layers.Layer) -> bool:
    """Check whether a padding layer and a `valid` convolution equal one `same` convolution."""
    if type(reader).__name__ not in CONVOLUTIONS or reader.padding != "valid":
        return False
    axes = zip(pad.input_shape[1:3], reader.kernel_size, reader.strides, pad.padding, strict=True)
    return max(reader.dilation_rate) == 1 and all(
        tuple(padding) == _compute_same_padding(size, kernel, stride)
        for size, kernel, stride, padding in axes
    )


def _compute_same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Compute TensorFlow's `same` padding at the start and at the end of one axis."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
