"""Import of a trained model from a file."""

from pathlib import Path

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.core.errors import InputError
from snugnet.core.inputs import list_sample_inputs
from snugnet.core.samples import Samples
from snugnet.core.settings.architectures.pretrained import File
from snugnet.core.text import get_first_line
from snugnet.core.tflite_schemes import SCHEMES
from snugnet.models.architectures import pretrained
from snugnet.models.loading.keras2 import tf_keras
from snugnet.models.loading.unroll_rnn import list_recurrent_layers
from snugnet.tflite.convert import convert, unroll_loops


def import_model(settings: File, samples: Samples) -> tf_keras.Model:
    """Read a trained model in the canonical form, if it has one.

    Variants have the canonical form. With the same form, parameters and MACs are comparable.

    Args:
        settings: The file of the model.
        samples: A split of the dataset that the model must fit.

    Returns:
        An uncompiled model; in its own form, after a warning, if it has no canonical form.

    Raises:
        InputError: As for `pretrained.read`.
    """
    classes = len(samples.class_names)
    model = pretrained.read(settings, list_sample_inputs(samples.x), samples.task, classes)
    pretrained.check_scores(model, Path(settings.file), samples)
    if list_recurrent_layers(model):
        try:
            model, _ = unroll_loops(model, lambda copy: convert(copy, SCHEMES["float32"]))
        except Exception as error:  # the passes of the converter raise exceptions of any type
            raise InputError(f"{settings.file}: {get_first_line(error)}") from None
    try:
        return canonicalize(model)
    except InputError as error:
        print(f"warning: the model cannot have variants: {error}")
        return model
