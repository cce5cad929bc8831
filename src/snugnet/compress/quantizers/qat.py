"""Quantization-aware training (QAT) with the 8-bit scheme of tensorflow-model-optimization.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (CVPR 2018): quantizers round in the forward pass, and their ranges are updated from the
training batches.
"""

from pathlib import Path

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.compress.graph.fold import fold_batch_norm, fold_relu
from snugnet.compress.graph.functional import replace_layers
from snugnet.compress.quantizers.layer_rewrites import (
    SEPARATE_ACTIVATIONS,
    get_activation_name,
    rewrite_layer,
)
from snugnet.compress.quantizers.ranges import initialize_ranges
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.fine_tuning import FineTuningSettings
from snugnet.core.tensorflow_environment import importing
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.storage import ALLOWED_LAYERS, check_layers
from snugnet.models.training.fit import fit
from snugnet.models.training.restore_if_worse import restore_if_worse
from snugnet.models.training.sparsity_mask import SparsityMask

with importing():
    import tensorflow_model_optimization as tfmot
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry,
    )

REGISTRY = default_8bit_quantize_registry.Default8BitQuantizeRegistry()
# Batch normalization after one of these layers is quantized together with it.
BEFORE_BATCH_NORM = ("Conv2D", "DepthwiseConv2D")
# Supported activations of all layers. An Activation layer may also have `SEPARATE_ACTIVATIONS`.
ACTIVATIONS = ("linear", "relu", "sigmoid", "softmax", "tanh")
QUANTIZER_CLASSES = frozenset({"QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2"})


def train_quantized(
    model: tf_keras.Model, train: Samples, val: Samples, settings: FineTuningSettings, seed: int
) -> tuple[tf_keras.Model, tf_keras.Model, list[dict[str, float]]]:
    """Fine-tune a model with quantizers; zeros in its kernels stay zero.

    Args:
        model: The trained model.
        train: Training samples, for weights and ranges.
        val: Samples that select the best epoch.
        settings: Settings of fine-tuning.
        seed: Seed of training.

    Returns:
        The model with quantizers, as it was best on val: after an epoch, or before training; the
        model without quantizers, with the same weights; and the training history.

    Raises:
        InputError: If a layer cannot be quantized.
    """
    plain = prepare_for_quantization(model)
    quantized = insert_quantizers(plain)
    initialize_ranges(quantized, plain, train.x, seed)
    start = quantized.get_weights()
    history = fit(quantized, train, val, settings.training, seed, callbacks=[SparsityMask()])
    restore_if_worse(quantized, start, history, val, settings.training.monitor)
    return quantized, _strip_quantizers(quantized, plain), history


def insert_quantizers(model: tf_keras.Model) -> tf_keras.Model:
    """Insert quantizers into a model.

    Args:
        model: A model that `prepare_for_quantization` returned.

    Returns:
        A copy with quantizers.

    Raises:
        InputError: If tensorflow-model-optimization rejects the model.
    """
    try:
        return tfmot.quantization.keras.quantize_model(model)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"tensorflow-model-optimization cannot quantize this model: {error}"
        ) from None


def prepare_for_quantization(model: tf_keras.Model) -> tf_keras.Model:
    """Rewrite unsupported layers of a model as equivalent supported ones.

    Args:
        model: The trained model.

    Returns:
        A functional model with the same outputs in inference mode.

    Raises:
        InputError: If layers are still not supported; the message names all of them.
    """
    model = fold_relu(fold_batch_norm(canonicalize(model)))
    chains = {
        layer.name: chain
        for layer in model.layers
        if not _is_supported(layer) and (chain := rewrite_layer(layer)) is not None
    }
    model = replace_layers(model, chains) if chains else model
    unsupported = [layer for layer in model.layers if not _is_supported(layer)]
    if unsupported:
        classes = ", ".join(sorted(name for name in ALLOWED_LAYERS if _is_supported_class(name)))
        raise InputError(
            f"QAT does not support {', '.join(map(_describe_layer, unsupported))}; allowed: "
            f"{classes}, BatchNormalization, with activation "
            f"{', '.join((*ACTIVATIONS, *SEPARATE_ACTIVATIONS))}"
        )
    return model


def _describe_layer(layer: tf_keras.layers.Layer) -> str:
    """Describe an unsupported layer: name, class, and the activation if that is not supported."""
    kind = type(layer).__name__
    if REGISTRY.supports(layer) and hasattr(layer, "activation"):
        kind = f"{kind} with activation {get_activation_name(layer)}"
    return f"{layer.name!r} ({kind})"


def _is_supported_class(class_name: str) -> bool:
    layer_class = getattr(tf_keras.layers, class_name)
    return layer_class is tf_keras.layers.InputLayer or layer_class in REGISTRY._layer_quantize_map


def _is_supported(layer: tf_keras.layers.Layer) -> bool:
    if type(layer) is tf_keras.layers.InputLayer:
        return True
    if type(layer) is tf_keras.layers.BatchNormalization:
        before = layer.inbound_nodes[0].inbound_layers
        return (
            type(before).__name__ in BEFORE_BATCH_NORM
            and before.activation is tf_keras.activations.linear
            and len(before.outbound_nodes) == 1
        )
    activations: tuple[str, ...] = ACTIVATIONS
    if type(layer) is tf_keras.layers.Activation:
        activations = (*ACTIVATIONS, *SEPARATE_ACTIVATIONS)
    return bool(REGISTRY.supports(layer)) and get_activation_name(layer) in activations


def _strip_quantizers(quantized: tf_keras.Model, plain: tf_keras.Model) -> tf_keras.Model:
    """Copy the weights of a model with quantizers into the model without them.

    Weights keep their names when a layer is wrapped.
    """
    trained = {weight.name: weight.numpy() for weight in quantized.weights}
    for layer in plain.layers:
        layer.set_weights([trained[weight.name] for weight in layer.weights])
    return plain


def load_quantized(path: str | Path) -> tf_keras.Model:
    """Load a model with quantizers that `save_model` wrote.

    Args:
        path: The .h5 file.

    Returns:
        The uncompiled model.

    Raises:
        InputError: If the file is not an .h5 model, or describes a layer that is not allowed.
    """
    check_layers(path, ALLOWED_LAYERS | QUANTIZER_CLASSES)
    with tfmot.quantization.keras.quantize_scope():
        return tf_keras.models.load_model(path, compile=False)
