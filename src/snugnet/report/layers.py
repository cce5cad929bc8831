"""Figures of layer errors: TensorFlow's Quantization Debugger, the trace and the sensitivity."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import altair as alt

from snugnet.core.paths import ResultPath
from snugnet.report.collect import ReportData
from snugnet.report.figure import (
    Figure,
    Panel,
    build_tooltips,
    encode_colour,
    encode_dash,
    encode_shape,
    finish_panel,
    list_values,
    start_chart,
    to_percent,
)
from snugnet.report.files import to_records
from snugnet.report.table import Table, Value

# Columns of layers.csv with the titles of their axes.
DEBUGGER = {
    "stddev": "standard deviation of the error",
    "mean_error": "mean error",
    "max_abs_error": "maximum absolute error",
    "mean_squared_error": "mean squared error",
    "scale": "scale",
    "zero_point": "zero point",
    "rmse_per_scale": "RMSE / scale",
    "range_covered": "share of the range that is covered",
}
# Columns of trace.csv with the titles of their axes.
TRACE = {
    "sqnr_db": "SQNR [dB]",
    "rmse_per_scale": "RMSE / scale",
    "mean_error": "mean error",
    "max_abs_error": "maximum absolute error",
    "saturated": "share of saturated values",
    "range_covered": "share of the range that is covered",
}
# Kinds of files in sensitivity.csv with the titles of their panels.
SENSITIVITY = {
    "only": "only this layer quantized: Δ vs float32 [points]",
    "all_but": "all layers but this one quantized: Δ vs all quantized [points]",
}
# RMSE / scale of rounding alone: errors are then uniform over one step.
ROUNDING_RMSE = 12**-0.5


@dataclass(frozen=True)
class VariantLayer:
    """A layer of a variant.

    Attributes:
        variant: Name of the variant.
        index: Index of the layer.
        operator: Name of its operator.
        tensor: Name of its output tensor. That of a fused operator has the names of all fused
            layers; the first identifies it.
    """

    variant: str
    index: int
    operator: str
    tensor: str

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """Read the first columns of a row of layers.csv, trace.csv or sensitivity.csv."""
        tensor = values["tensor"].partition(";")[0]
        return cls(values["variant"], int(values["index"]), values["operator"], tensor)


@dataclass(frozen=True)
class LayerError:
    """A row of layers.csv or trace.csv.

    Attributes:
        layer: The layer.
        num_elements: Number of values of its output tensor for one sample.
        n: Number of samples; None in layers.csv.
        measures: Values of the columns in `DEBUGGER` or `TRACE`; a column that the file lacks is
            None.
    """

    layer: VariantLayer
    num_elements: int
    n: int | None
    measures: Mapping[str, float | None]

    @classmethod
    def from_columns(cls, values: Mapping[str, Any], names: Iterable[str]) -> Self:
        """Read a row of layers.csv or trace.csv.

        Args:
            values: Values by column.
            names: Columns of the measures.
        """
        measures = {name: values.get(name) for name in names}
        layer = VariantLayer.from_columns(values)
        return cls(layer, values["num_elements"], values.get("n"), measures)

    def to_columns(self, measures: Iterable[str]) -> dict[str, Any]:
        """Return the row of the figure's table, with some of the measures."""
        samples = {} if self.n is None else {"n": self.n}
        return {
            **asdict(self.layer),
            **samples,
            **{name: _round_digits(self.measures[name]) for name in measures},
        }


@dataclass(frozen=True)
class LayerSensitivity:
    """A row of sensitivity.csv that is about a layer.

    Attributes:
        layer: The layer.
        quantized: Kind of file, in `SENSITIVITY`.
        accuracy: Accuracy of the file on val, in per cent.
        points: Difference from float32 (`only`) or from the file with all layers quantized
            (`all_but`), in points.
        p_full: P-value of the difference from the file with all layers quantized.
        n: Number of samples.
    """

    layer: VariantLayer
    quantized: str
    accuracy: float | None
    points: float | None
    p_full: float | None
    n: int

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """Read a row of sensitivity.csv."""
        quantized = values["quantized"]
        delta = values["delta_float"] if quantized == "only" else values["delta_full"]
        return cls(
            layer=VariantLayer.from_columns(values),
            quantized=quantized,
            accuracy=to_percent(values["accuracy"]),
            points=to_percent(delta),
            p_full=values["p_full"],
            n=values["n"],
        )

    def to_columns(self) -> dict[str, Any]:
        """Return the row of the figure's table."""
        return {
            "variant": self.layer.variant,
            "quantized": self.quantized,
            "index": self.layer.index,
            "operator": self.layer.operator,
            "tensor": self.layer.tensor,
            "accuracy": self.accuracy,
            "points": self.points,
            "p to all in integers": self.p_full,
            "n": self.n,
        }


def build_figures(study: ReportData) -> list[Figure]:
    """Build the figures of layer errors for each model, with its variants overlaid."""
    figures = []
    for model in study.models:
        figures += _build_error_figures(
            study, model, ResultPath.LAYERS, DEBUGGER, _describe_debugger(model)
        )
        figures += _build_error_figures(
            study, model, ResultPath.TRACE, TRACE, _describe_trace(model)
        )
        figures += _build_sensitivity_figures(study, model)
    return figures


def _describe_debugger(model: str) -> tuple[str, str]:
    """Return title and caption of the figure."""
    return (
        f"Quantization Debugger, {model}",
        "Errors that TensorFlow Lite's Quantization Debugger measures at each layer of fiq_int8 "
        "(PTQ): int8 minus float. Both are computed from the same inputs, so errors do not "
        "accumulate. All values are means over calib samples, including the maximum error. Models "
        "with their own quantization ranges are not supported. The dashed line at RMSE / scale = "
        "0.289 marks rounding to the nearest integer without any other loss.",
    )


def _describe_trace(model: str) -> tuple[str, str]:
    """Return title and caption of the figure."""
    return (
        f"Trace, {model}",
        "Tensors of fiq_int8, computed by the integer engine, minus those of the float32 file of "
        "the same variant, on n samples spread over test. QAT models are included. Errors "
        "accumulate along the network: a jump shows the layer that causes a loss. Index -1 is the "
        "input.",
    )


def _build_error_figures(
    study: ReportData,
    model: str,
    kind: ResultPath,
    measures: Mapping[str, str],
    texts: tuple[str, str],
) -> list[Figure]:
    """Build the figure of a model's tables of a kind; no figure if it has no such values.

    Args:
        study: The study.
        model: Name of the model.
        kind: `LAYERS` or `TRACE`.
        measures: Columns to draw, with the titles of their axes.
        texts: Title and caption of the figure.
    """
    errors = _read_errors(study, model, kind, measures)
    shown = [name for name in measures if any(error.measures[name] is not None for error in errors)]
    if not shown:
        return []
    rows = [error.to_columns(shown) for error in errors]
    variants = list_values(rows, "variant")
    panels = [_build_error_panel(name, measures[name], variants) for name in shown]
    return [Figure(f"{kind.name.lower()}_{model}", "layers", model, *texts, rows, panels)]


def _read_errors(
    study: ReportData, model: str, kind: ResultPath, measures: Iterable[str]
) -> list[LayerError]:
    """Read the rows of a model's tables of a kind, with some measures."""
    return [LayerError.from_columns(row, measures) for row in _read_layer_rows(study, model, kind)]


def _read_layer_rows(study: ReportData, model: str, kind: ResultPath) -> list[dict[str, Any]]:
    """Read the rows of a model's tables of a kind that are about layers, by column."""
    rows = to_records(study.read_tables(kind, model))
    return [row for row in rows if row["index"] is not None]


def _round_digits(value: float | None) -> float | None:
    """Round a float to five significant digits; more are invisible in a chart."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


@cache
def _build_error_panel(name: str, title: str, variants: tuple[str, ...]) -> Panel:
    axis = alt.Axis(tickMinStep=1, format="d")
    base = start_chart().encode(
        x=alt.X("index:Q", title="layer index", axis=axis),
        y=alt.Y(f"{name}:Q", title=title, scale=alt.Scale(zero=False)),
        color=encode_colour("variant", variants, "variant"),
    )
    lines = base.mark_line().encode(strokeDash=encode_dash("variant", variants, "variant"))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=encode_shape("variant", variants, "variant"),
        tooltip=build_tooltips("variant", "index", "operator", "tensor", name),
    )
    chart = lines + points
    if name == "rmse_per_scale":
        rule = start_chart().mark_rule(strokeDash=[4, 4]).encode(y=alt.datum(ROUNDING_RMSE))
        chart = rule + lines + points
    return finish_panel(chart, title, f"{title} by layer index, one line for each variant.")


def _build_sensitivity_figures(study: ReportData, model: str) -> list[Figure]:
    """Build the figure of layer sensitivity; no figure if the model has no sensitivity.csv."""
    sensitivities = [
        LayerSensitivity.from_columns(row)
        for row in _read_layer_rows(study, model, ResultPath.SENSITIVITY)
    ]
    rows = [sensitivity.to_columns() for sensitivity in sensitivities]
    if not rows:
        return []
    variants = list_values(rows, "variant")
    return [
        Figure(
            f"sensitivity_{model}",
            "layers",
            model,
            f"Layer sensitivity, {model}",
            "Accuracy on val with one layer quantized and all others in float (first panel), and "
            "with all layers but one quantized (second panel). A layer whose weights cause a loss "
            "is low in the first panel and high in the second. If a tensor between two layers "
            "causes the loss, both layers are low in the first panel. Differences of a few samples "
            "are noise.",
            rows,
            [
                _build_sensitivity_panel(kind, title, variants)
                for kind, title in SENSITIVITY.items()
            ],
        )
    ]


@cache
def _build_sensitivity_panel(kind: str, title: str, variants: tuple[str, ...]) -> Panel:
    base = (
        start_chart()
        .transform_filter(f"datum.quantized == '{kind}'")
        .encode(
            x=alt.X("index:Q", title="layer index", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("points:Q", title="points"),
            color=encode_colour("variant", variants, "variant"),
        )
    )
    lines = base.mark_line().encode(strokeDash=encode_dash("variant", variants, "variant"))
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=encode_shape("variant", variants, "variant"),
        tooltip=build_tooltips(
            "variant", "index", "operator", "tensor", "accuracy", "points", "p to all in integers"
        ),
    )
    description = f"{title}, by layer index, one line for each variant."
    return finish_panel(lines + points, title, description)


def tabulate_layer_indexes(study: ReportData, model: str) -> Table:
    """Tabulate operator, tensor and number of values at each layer index of the charts.

    Returns:
        One line for each index, with one column for each variant.
    """
    errors = _read_errors(study, model, ResultPath.TRACE, ()) or _read_errors(
        study, model, ResultPath.LAYERS, ()
    )
    errors = sorted(errors, key=lambda error: error.layer.index)
    variants = dict.fromkeys(error.layer.variant for error in errors)
    lines: dict[int, dict[str, Value]] = {}
    for error in errors:
        text = f"{error.layer.operator} {error.layer.tensor}, {error.num_elements:,}"
        lines.setdefault(error.layer.index, {})[error.layer.variant] = Value(text)
    empty = Value("")
    return Table(
        ["index", *variants],
        [
            [Value(f"{index:,}", index), *(line.get(variant, empty) for variant in variants)]
            for index, line in lines.items()
        ],
    )
