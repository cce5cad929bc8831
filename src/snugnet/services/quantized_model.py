"""Quantized models: a .tflite file in memory with its size, its contract and its certificate."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from snugnet.core.tflite_graph import Graph
from snugnet.core.tflite_schemes import FULL_INTEGER, SCHEMES
from snugnet.services.output_files import save_file
from snugnet.services.result_table import html_table, text_table
from snugnet.services.user_data import draw_random_samples
from snugnet.services.verify import CERTIFIED, TRACED, certify_samples
from snugnet.tflite.contract import Contract, check_contract
from snugnet.tflite.model_file import ModelFile
from snugnet.verification.certificate import Certificate

# TensorFlow's converter keeps smaller weight tensors in float with scheme `drq`.
DRQ_MIN_ELEMENTS = 1024


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """A quantized model: the content of a .tflite file, and what is known about it.

    In a notebook, it is shown as a table.

    Attributes:
        content: Content of the .tflite file.
        scheme: Quantization scheme.
        method: `post_training` (PTQ) or `quantization_aware` (QAT).
        float32: Content of the float32 .tflite file of the same network before quantization.
        samples: Samples for the certificate, numbers of shape (n, ...), in the units that the model
            was trained on. None: the certificate uses random samples.
        history: One mapping of metrics for each QAT epoch, in order; empty after PTQ.
    """

    content: bytes = field(repr=False)
    scheme: str
    method: str
    float32: bytes = field(repr=False)
    samples: np.ndarray | None = field(default=None, repr=False)
    history: tuple[dict[str, float], ...] = field(default=(), repr=False)

    @cached_property
    def file(self) -> ModelFile:
        """The file with its graph, which is parsed once."""
        return ModelFile.parse(self.content, f"{self.scheme} model")

    @property
    def graph(self) -> Graph:
        """Operators and tensors of the file."""
        return self.file.graph

    @property
    def size_bytes(self) -> int:
        """Size of the .tflite file in bytes."""
        return len(self.content)

    @cached_property
    def contract(self) -> Contract:
        """Whether types and scales in the file are those that its scheme promises."""
        return check_contract(self.graph, SCHEMES[self.scheme])

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the result that the user may not expect; mostly none."""
        weights = [tensor for _, tensor in self.graph.weights()]
        is_small = all(math.prod(tensor.shape) < DRQ_MIN_ELEMENTS for tensor in weights)
        if self.scheme != "drq" or self.contract.int8_weights or not is_small:
            return ()
        return (
            "no weights were quantized: TensorFlow keeps tensors with fewer than "
            f"{DRQ_MIN_ELEMENTS:,} elements in float, so the file computes the same as float32",
        )

    @cached_property
    def certificate(self) -> Certificate | None:
        """Whether LiteRT and TensorFlow Lite Micro compute what the integer engine computes.

        Computed at first use, on at most 64 samples. None for schemes that compute in float32.
        """
        if self.scheme not in FULL_INTEGER:
            return None
        samples = self.samples
        x = draw_random_samples(self.graph, CERTIFIED) if samples is None else samples[:CERTIFIED]
        return certify_samples(self.file, x, TRACED)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write the .tflite file.

        Args:
            path: Path that ends in .tflite.
            overwrite: Whether to replace an existing file.

        Returns:
            The path.

        Raises:
            InputError: If the path does not end in .tflite, or if the file exists and `overwrite`
                is False.
            OSError: If the file cannot be written.
        """
        return save_file(
            path, ".tflite", overwrite, lambda partial: partial.write_bytes(self.content)
        )

    def summary(self) -> dict[str, str]:
        """Return the rows of the table that a notebook shows: heading and text.

        The certificate is included only if it was computed before.
        """
        rows = {
            "scheme": self.scheme,
            "method": self.method,
            "size": f"{self.size_bytes:,} B ({len(self.float32):,} B as float32)",
            "input, output": f"{self.contract.input}, {self.contract.output}",
            "contract": "kept" if self.contract.is_kept else "; ".join(self.contract.findings),
        }
        if self.scheme in FULL_INTEGER and "certificate" in vars(self):
            assert self.certificate is not None
            rows["bit-exact"] = "yes" if self.certificate.exact else "no"
        if self.notes:
            rows["notes"] = "; ".join(self.notes)
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return sizes in bytes, contract, notes and certificate as a mapping for JSON."""
        certificate = self.certificate
        return {
            "scheme": self.scheme,
            "method": self.method,
            "bytes": {"float32": len(self.float32), "output": self.size_bytes},
            "contract": self.contract.to_json(),
            "notes": list(self.notes),
            "certificate": None if certificate is None else certificate.to_json(),
        }

    def __repr__(self) -> str:
        return text_table("QuantizedModel", self.summary())

    def _repr_html_(self) -> str:
        return html_table("Quantized model", self.summary())
