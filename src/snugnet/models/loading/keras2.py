"""TensorFlow with Keras 2, in deterministic mode.

Import this module before anything that imports TensorFlow: tensorflow-model-optimization and the
converter need `tf.keras` to be Keras 2, and TensorFlow decides that from the environment.

Raises:
    InputError: When it is imported, if TensorFlow already uses Keras 3.
"""

from snugnet.core.errors import InputError
from snugnet.core.tensorflow_environment import importing

with importing():
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.eager import context

# TensorFlow chooses its Keras when `tf.keras` is first used, which may be before this import.
if tf.keras.Model is not tf_keras.Model:
    raise InputError(
        "TensorFlow already uses Keras 3; Snugnet needs Keras 2. Restart Python, and set "
        "TF_USE_LEGACY_KERAS=1 in the environment before TensorFlow is imported."
    )

# If this process imported Keras before, it has read these from ~/.keras/keras.json.
tf_keras.backend.set_floatx("float32")
tf_keras.backend.set_epsilon(1e-7)
tf_keras.backend.set_image_data_format("channels_last")


def has_run_operators() -> bool:
    """Return whether TensorFlow has run an operator: then a fork of this process must not use it.

    From then on, TensorFlow has threads, which a fork lacks.
    """
    # TensorFlow has no public function for this.
    return context.context()._context_handle is not None


def configure(seed: int, threads: int) -> None:
    """Seed every generator, make operators deterministic and fix the number of threads.

    The number of threads changes the order of floating-point sums, and hence the weights.
    Therefore it is a setting of the study, not of the machine. Call this function before
    TensorFlow has run an operator.

    Args:
        seed: Seed of Python, NumPy and TensorFlow.
        threads: Number of threads within an operator; between operators there is always one.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf_keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
