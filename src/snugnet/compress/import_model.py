"""Import of a trained model from a file."""

from snugnet.compress.graph.canonicalize import canonicalize
from snugnet.core.errors import InputError
from snugnet.core.samples import Samples
from snugnet.core.settings.architectures.pretrained import File
from snugnet.models.architectures import pretrained
from snugnet.models.loading.keras2 import tf_keras


def import_model(settings: File, samples: Samples) -> tf_keras.Model:
    """Read a trained model in the canonical form, if it has one.

    Variants have the canonical form. With the same form, parameters and MACs are comparable.

    Args:
        settings: The file of the model.
        samples: A split of the dataset that the model must fit.

    Returns:
        An uncompiled model; in its own form, after a warning, if it has no canonical form.

    Raises:
        InputError: As for `pretrained.build`.
    """
    classes = len(samples.class_names)
    model = pretrained.build(settings, samples.x.shape[1:], samples.task, classes)
    try:
        return canonicalize(model)
    except InputError as error:
        print(f"warning: the model cannot have variants: {error}")
        return model
