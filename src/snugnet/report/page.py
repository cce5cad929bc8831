"""The HTML page of the report: one file that needs no other file and no network."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.csv_files import list_columns
from snugnet.evaluation.table import SIGNIFICANCE
from snugnet.report import searches, tables
from snugnet.report.akida_page import list_accuracies, list_programs, list_unfit_cells
from snugnet.report.cards import build_cards
from snugnet.report.collect import Study
from snugnet.report.figure import Figure
from snugnet.report.figures import build_all_figures
from snugnet.report.layers import list_layer_indexes
from snugnet.report.matrix import DIVERGING, LIMIT
from snugnet.report.weights import list_quantized_weights

# Sections of the page that have figures.
SECTIONS = ("pareto", "ladder", "layers", "mistakes", "designs")


def render_page(
    study: Study, origin: Mapping[str, str], template: Path, parts: Mapping[str, str]
) -> str:
    """Render the page.

    Args:
        study: The study.
        origin: Origin of the report, as `describe_origin` returns it.
        template: Path of the page's Jinja template.
        parts: Texts that are inserted unchanged: `style`, `script` and `vega` (the library).

    Returns:
        The page in HTML.
    """
    figures = [figure for figure in build_all_figures(study) if figure.section != "matrix"]
    figure_data = {figure.name: _build_figure_data(figure) for figure in figures}
    return (
        _create_environment()
        .from_string(template.read_text())
        .render(
            origin={**origin, "Newest input": study.files.format_newest_time()},
            parts=parts,
            figures=_group_by_section(figures),
            data=_to_script_json({"cards": build_cards(study), "figures": figure_data}),
            **_build_sections(study),
        )
    )


def _create_environment() -> jinja2.Environment:
    return jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _build_sections(study: Study) -> dict[str, Any]:
    """Build the tables of the page, and the values that appear in its text."""
    akida = [row for row in study.rows if row["scheme"] in AKIDA_SCHEMES]
    layer_indexes = [
        (model, tables.build_table(list_layer_indexes(study, model))) for model in study.models
    ]
    return {
        "counts": _count_cells(study),
        "gate": study.gate,
        "confidence": f"{100 * study.confidence:g} %",
        "significance": f"{SIGNIFICANCE:.0%}",
        "palette": {"limit": LIMIT, "colours": DIVERGING},
        "recommendations": tables.tabulate_recommendations(study),
        "datasets": tables.tabulate_datasets(study),
        "filters": tables.list_filters(study),
        "matrix": tables.build_matrix(study),
        "cells": tables.tabulate_cells(study),
        "models": tables.tabulate_models(study),
        "weights": tables.build_table(list_quantized_weights(study)),
        "layers": layer_indexes,
        "mixed": searches.tabulate_mixed(study),
        "calibration": searches.tabulate_calibration(study),
        "seeds": searches.tabulate_seeds(study),
        "akida": {
            "accuracy by step": tables.build_table(list_accuracies(akida)),
            "programs": tables.build_table(list_programs(akida)),
            "models that do not fit": tables.build_table(list_unfit_cells(akida)),
        },
        "certificates": tables.tabulate_certificates(study),
    }


def _count_cells(study: Study) -> dict[str, Any]:
    return {
        "cells": len(study.rows),
        "measured": len(study.measured),
        "models": len(study.models),
        "datasets": len(study.datasets),
    }


def _group_by_section(figures: list[Figure]) -> dict[str, list[Figure]]:
    return {
        section: [figure for figure in figures if figure.section == section] for section in SECTIONS
    }


def _build_figure_data(figure: Figure) -> dict[str, Any]:
    """Build the data that the page's script draws; column names are stored once."""
    names = list_columns(figure.rows)
    return {
        "columns": names,
        "rows": [[row.get(name) for name in names] for row in figure.rows],
        "panels": figure.panels,
    }


def _to_script_json(value: Mapping[str, Any]) -> str:
    """Convert to JSON for a script element; no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
