"""The page: one file with everything in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.csv_files import list_columns
from snugnet.evaluate.table import SIGNIFICANCE
from snugnet.report import searches, tables
from snugnet.report.akida_page import accuracies, programs, refused
from snugnet.report.cards import cards
from snugnet.report.collect import Study
from snugnet.report.figure import Figure
from snugnet.report.figures import all_figures
from snugnet.report.layers import indexes
from snugnet.report.matrix import DIVERGING, LIMIT
from snugnet.report.weights import quantized_weights

# Of the page, those that have figures.
SECTIONS = ("pareto", "quantization_steps", "layers", "mistakes", "designs")


def page(study: Study, origin: Mapping[str, str], template: Path, parts: Mapping[str, str]) -> str:
    """Write the page.

    Args:
        study: What is shown.
        origin: Where it comes from, in words by title.
        template: The page's Jinja template.
        parts: What goes into the page as it is: `style`, `script`, and `vega`, the library.
    """
    figures = [figure for figure in all_figures(study) if figure.section != "matrix"]
    return (
        _environment()
        .from_string(template.read_text())
        .render(
            origin={**origin, "Newest input": study.files.newest()},
            parts=parts,
            figures=_by_section(figures),
            data=_script({"cards": cards(study), "figures": {f.name: _drawn(f) for f in figures}}),
            **_sections(study),
        )
    )


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _sections(study: Study) -> dict[str, Any]:
    """Give the tables of the page, and the numbers that its text needs."""
    akida = [row for row in study.rows if row["scheme"] in AKIDA_SCHEMES]
    return {
        "counts": _counts(study),
        "gate": study.gate,
        "confidence": f"{100 * study.confidence:g} %",
        "significance": f"{SIGNIFICANCE:.0%}",
        "palette": {"limit": LIMIT, "colours": DIVERGING},
        "best": tables.best(study),
        "datasets": tables.datasets(study),
        "filters": tables.filters(study),
        "matrix": tables.matrix(study),
        "cells": tables.cells(study),
        "models": tables.by_model(study),
        "weights": tables.of_lines(quantized_weights(study)),
        "layers": [(model, tables.of_lines(indexes(study, model))) for model in study.models],
        "mixed": searches.mixed(study),
        "calibration": searches.calibration(study),
        "seeds": searches.seeds(study),
        "akida": {
            "accuracy, step by step": tables.of_lines(accuracies(akida)),
            "programs": tables.of_lines(programs(akida)),
            "what does not fit": tables.of_lines(refused(akida)),
        },
        "certificates": tables.certificates(study),
    }


def _counts(study: Study) -> dict[str, Any]:
    return {
        "cells": len(study.rows),
        "measured": len(study.measured),
        "models": len(study.models),
        "datasets": len(study.datasets),
    }


def _by_section(figures: list[Figure]) -> dict[str, list[Figure]]:
    return {
        section: [figure for figure in figures if figure.section == section] for section in SECTIONS
    }


def _drawn(figure: Figure) -> dict[str, Any]:
    """Give what the page's script draws; columns have their names once."""
    names = list_columns(figure.rows)
    return {
        "columns": names,
        "rows": [[row.get(name) for name in names] for row in figure.rows],
        "panels": figure.panels,
    }


def _script(value: Mapping[str, Any]) -> str:
    """Write JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
