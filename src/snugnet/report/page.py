"""The HTML page of the report: one file that needs no other file and no network."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from snugnet.core.akida_schemes import AKIDA_SCHEMES
from snugnet.core.csv_files import list_columns
from snugnet.evaluation.groups import warn_of_few_groups
from snugnet.evaluation.recommend import describe_rule
from snugnet.evaluation.table import SIGNIFICANCE
from snugnet.report import searches, tables
from snugnet.report.akida_page import (
    tabulate_accuracies,
    tabulate_programs,
    tabulate_unfit_cells,
)
from snugnet.report.cards import build_cards
from snugnet.report.collect import ReportData
from snugnet.report.figure import Figure
from snugnet.report.figures import build_all_figures
from snugnet.report.layers import tabulate_layer_indexes
from snugnet.report.matrix import DIVERGING, LIMIT
from snugnet.report.table import Table
from snugnet.report.weights import tabulate_quantized_weights

# Sections of the page that have figures.
SECTIONS = ("device", "pareto", "quantization_steps", "layers", "mistakes", "designs")


@dataclass(frozen=True)
class PageParts:
    """Texts that are inserted into the page unchanged.

    Attributes:
        style: The style sheet.
        script: The page's own script.
        vega: The library that draws the charts.
    """

    style: str
    script: str
    vega: str


@dataclass(frozen=True)
class Counts:
    """Numbers in the text of the page.

    Attributes:
        cells: Number of cells.
        measured: Number of measured cells.
        models: Number of models.
        datasets: Number of datasets.
    """

    cells: int
    measured: int
    models: int
    datasets: int


@dataclass(frozen=True)
class Palette:
    """Colours of the results matrix.

    Attributes:
        limit: Difference in points at which the colours saturate.
        colours: Colours from the largest loss to the largest gain, as `#rrggbb`.
    """

    limit: float
    colours: Sequence[str]


def render_page(
    study: ReportData, origin: Mapping[str, str], template: Path, parts: PageParts
) -> str:
    """Render the page.

    Args:
        study: The study.
        origin: Origin of the report, as `describe_origin` returns it.
        template: Path of the page's Jinja template.
        parts: Texts that are inserted unchanged.

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
            data=_to_script_json({"cards": build_cards(study).to_json(), "figures": figure_data}),
            counts=_count_cells(study),
            gate=study.gate,
            confidence=f"{100 * study.confidence:g} %",
            headline=study.headline,
            significance=f"{SIGNIFICANCE:.0%}",
            palette=Palette(LIMIT, DIVERGING),
            fits=tables.tabulate_fits(study),
            recommendations=tables.tabulate_recommendations(study),
            recommendation_rule=describe_rule(study.headline, next(iter(study.targets), None)),
            datasets=tables.tabulate_datasets(study),
            filters=tables.list_filters(study),
            matrix=tables.build_matrix(study),
            cells=tables.tabulate_cells(study),
            models=tables.tabulate_models(study),
            groups=tables.tabulate_groups(study),
            warnings=warn_of_few_groups(study.rows),
            weights=tabulate_quantized_weights(study),
            layers=[(model, tabulate_layer_indexes(study, model)) for model in study.models],
            mixed=searches.tabulate_mixed(study),
            calibration=searches.tabulate_calibration(study),
            seeds=searches.tabulate_seeds(study),
            akida=_tabulate_akida(study),
            certificates=tables.tabulate_certificates(study),
        )
    )


def _create_environment() -> jinja2.Environment:
    return jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _tabulate_akida(study: ReportData) -> dict[str, Table]:
    """Build the tables about Akida, by title."""
    rows = [row for row in study.rows if row.scheme in AKIDA_SCHEMES]
    return {
        "accuracy by step": tabulate_accuracies(rows),
        "programs": tabulate_programs(rows),
        "models that do not fit": tabulate_unfit_cells(rows),
    }


def _count_cells(study: ReportData) -> Counts:
    return Counts(
        cells=len(study.rows),
        measured=len(study.measured),
        models=len(study.models),
        datasets=len(study.datasets),
    )


def _group_by_section(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Group figures by section; every section has an entry, and the page has every section."""
    groups: dict[str, list[Figure]] = {section: [] for section in SECTIONS}
    for figure in figures:
        groups[figure.section].append(figure)
    return groups


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
