"""The environment in which TensorFlow and Keras are imported: the same on every machine.

Users may have set variables for other work, and Keras reads the file ~/.keras/keras.json. Then the
same study would give other results, and Snakemake could not see why.
"""

import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

# The values that Snugnet's results are based on.
FIXED = {
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MAX_VLOG_LEVEL": "0",
}
# The folder of keras.json. Below /dev/null there is no file, and Keras can write none.
KERAS_FOLDER = "KERAS_HOME"
# Variables that must not be set: their defaults are used.
REMOVED = (
    *(
        "TF_ENABLE_ONEDNN_OPTS",
        "TF_XLA_FLAGS",
        "XLA_FLAGS",
        "TF_DISABLE_MKL",
        "TF_NUM_INTRAOP_THREADS",
    ),
    *("TF_NUM_INTEROP_THREADS", "TF_SET_ONEDNN_VERBOSE", "TF_DUMP_GRAPH_PREFIX"),
    *("TF_ENABLE_LAYOUT_NHWC", "TF_ENABLE_AUTO_MIXED_PRECISION", "TF_AUTOGRAPH_STRICT_CONVERSION"),
    *("AUTOGRAPH_STRICT_CONVERSION", "AUTOGRAPH_VERBOSITY", "ONEDNN_DEFAULT_FPMATH_MODE"),
    *("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE"),
)


def fix_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Give all variables that change results their one value.

    Args:
        environment: The environment to change, before TensorFlow is imported.
    """
    environment.update(FIXED)
    environment[KERAS_FOLDER] = os.devnull
    for name in REMOVED:
        environment.pop(name, None)


@contextmanager
def importing() -> Iterator[None]:
    """Fix the environment of this process; afterwards, Keras has its folder again.

    Keras also keeps downloaded files in that folder, so other code in this process needs it. Keras
    3, which other packages import, cannot import matplotlib, which writes to the user's home.
    """
    folder = os.environ.get(KERAS_FOLDER)
    fix_environment()
    has_matplotlib = "matplotlib" in sys.modules
    sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if not has_matplotlib:
            sys.modules.pop("matplotlib", None)
        os.environ.pop(KERAS_FOLDER, None)
        if folder is not None:
            os.environ[KERAS_FOLDER] = folder
