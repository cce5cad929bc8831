"""Run .tflite files in LiteRT and TensorFlow Lite Micro, to compare the engine with them."""

from collections.abc import Sequence

import numpy as np


def litert(file: bytes, samples: Sequence[Sequence[np.ndarray]]) -> list[dict[int, np.ndarray]]:
    """Run LiteRT's reference kernels on each sample; return all tensors of each run by index."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=file,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    inputs = [entry["index"] for entry in interpreter.get_input_details()]
    known = [entry["index"] for entry in interpreter.get_tensor_details()]
    runs = []
    for sample in samples:
        for index, array in zip(inputs, sample, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        runs.append({index: _tensor(interpreter, index) for index in known})
    return [{k: v for k, v in run.items() if v is not None} for run in runs]


def _tensor(interpreter, index: int) -> np.ndarray | None:
    try:
        return interpreter.get_tensor(index)
    except ValueError:  # it has no data: an optional one, or not yet allocated
        return None


def tflm(
    file: bytes, samples: Sequence[Sequence[np.ndarray]], tensors: Sequence[int]
) -> list[dict[int, np.ndarray]]:
    """Run TensorFlow Lite Micro on each sample; return the named tensors of each run by index."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(
        file,
        arena_size=64 << 20,
        intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
    )
    runs = []
    for sample in samples:
        for index, array in enumerate(sample):
            interpreter.set_input(array, index)
        interpreter.invoke()
        runs.append({index: interpreter.GetTensor(index, 0)["tensor_data"] for index in tensors})
    return runs
