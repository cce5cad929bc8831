"""Tests of the HTML report."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from snugnet.evaluation.recommend import choose, describe_rule
from snugnet.evaluation.result_row import ResultRow
from snugnet.report import origin, pareto, searches, tables
from snugnet.report.cards import build_cards, list_limitations
from snugnet.report.collect import ReportData
from snugnet.report.figures import build_all_figures
from snugnet.report.files import read_table, to_records
from snugnet.report.layers import tabulate_layer_indexes
from snugnet.report.matrix import DIVERGING, LIMIT, pick_background, pick_text_colour
from snugnet.report.page import SECTIONS, PageParts, render_page
from snugnet.report.quantization_steps import list_steps
from snugnet.report.table import Table
from snugnet.report.weights import tabulate_quantized_weights
from tests import debian
from tests.paths import ROOT
from tests.report_study import FakeStudy, rich_study

TEMPLATES = ROOT / "workflow" / "report"
VOID = {"meta", "link", "input", "br", "hr", "img"}


def written(study: ReportData) -> str:
    parts = PageParts(
        style=(TEMPLATES / "style.css").read_text(),
        script=(TEMPLATES / "page.js").read_text(),
        vega="window.vegaEmbed = null;",
    )
    return render_page(study, {"System": "Linux"}, TEMPLATES / "index.html.j2", parts)


class Reader(HTMLParser):
    """Reads a page: every element must be closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            name = self.elements[-1][1].get("id") or self.open[-1]
            self.texts[name] = self.texts.get(name, "") + data

    def ids(self) -> set[str]:
        return {attrs["id"] for _, attrs in self.elements if attrs.get("id")}

    def data(self) -> dict:
        return json.loads(self.texts["data"])


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> ReportData:
    return rich_study(tmp_path_factory.mktemp("rich"), models=3).collect()


@pytest.fixture(scope="module")
def text(rich) -> str:
    return written(rich)


@pytest.fixture
def small(tmp_path) -> FakeStudy:
    return FakeStudy(tmp_path)


def test_page_has_every_section_when_study_has_all_analyses(text):
    ids = Reader(text).ids()
    sections = ["overview", "results", "tables", "pareto", "quantization_steps", "layers"]
    assert {*sections, "mistakes", "searches", "designs", "akida", "certificates", "cards"} <= ids
    linked = set(re.findall(r'href="#(\w+)"', text))
    assert linked <= ids


def test_page_explains_marks_and_rule_when_study_has_results(text):
    explanation = "Intervals are not corrected for the number of tests; ~ is."
    assert text.count(explanation) == 2
    assert "A difference that is the same in all groups has no interval." in text
    assert f"For each dataset, {describe_rule()}." in text


def test_page_requests_no_resources_when_study_has_all_analyses(text):
    for tag, attrs in Reader(text).elements:
        for name in ("src", "href", "action", "data", "poster"):
            value = attrs.get(name) or ""
            assert ":" not in value.split("/")[0], (tag, value)
        assert tag not in ("link", "img", "iframe", "object", "embed"), tag
    assert not re.findall(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    assert "default-src 'none'" in text


def test_page_is_small_when_study_has_default_size(tmp_path):
    """The drawing library adds one megabyte."""
    assert len(written(rich_study(tmp_path).collect()).encode()) < 9_000_000


def test_page_is_equal_when_study_is_equal(rich, text):
    assert written(rich) == text


def test_page_links_cell_three_times_when_models_are_several(rich, text):
    reader = Reader(text)
    cells = reader.data()["cards"]["cells"]
    assert len(cells) == len(rich.rows)
    links = [attrs["href"] for tag, attrs in reader.elements if tag == "a" and "href" in attrs]
    for name in cells:
        assert links.count(f"#cell/{name}") >= 3


def test_page_escapes_names_when_they_contain_html(small):
    bad = "</script><img src=x onerror=alert(1)>"
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"], classes=(bad, "b"))
    names = {"model": "m", "family": "m", "seed": 1, "dataset": "synthetic_x"}
    names |= {"variant": "original", "scheme": "akida_v2_w8a8", "runtime": "akida"}
    small.incompatible(names, f"layer {bad}")
    small.gate |= {"verdict": "fail", "failures": [f"m: {bad} & more"]}
    text = written(small.collect())
    reader = Reader(text)
    assert not [tag for tag, _ in reader.elements if tag == "img"]
    assert reader.data()["cards"]["cells"]["m/original/float32/litert"]["class_names"] == [bad, "b"]
    assert "&lt;/script&gt;" in text
    assert "Checks failed" in text


def test_page_is_written_when_study_has_no_cells(small):
    reader = Reader(written(small.collect()))
    assert "pareto" not in reader.ids()
    assert build_all_figures(small.collect()) == []


def test_page_is_written_when_all_cells_are_incompatible(small):
    small.dataset("synthetic_x", ("a", "b"), None)
    small.recipes["models"]["m"] = {"architecture": "cnn", "training": {}}
    small.recipes["lineages"]["original"] = ["original"]
    small.recipes["variants"]["m/original"] = {"method": "train"}
    names = {"model": "m", "family": "m", "seed": 1, "dataset": "synthetic_x"}
    names |= {"variant": "original", "scheme": "akida_v2_w8a8", "runtime": "akida"}
    small.incompatible(names, "pool_1: pool (2, 1)")
    study = small.collect()
    text = written(study)
    assert "1 is incompatible" in text
    assert "no cell of this model could be measured" in text
    assert build_all_figures(study) == []
    assert tables.tabulate_recommendations(study).rows == []
    assert list_limitations(study, study.rows[0]) == []


def test_page_omits_sections_when_study_has_no_analyses(small):
    small.model("m", "synthetic_x", ["original"], ["float32"], groups=None)
    ids = Reader(written(small.collect())).ids()
    assert "pareto" in ids
    assert not ids & {"layers", "mistakes", "searches", "designs", "akida", "certificates"}


def test_page_shows_gate_requirements_when_study_has_some(small):
    small.model("m", "synthetic_x", ["original"], ["float32"])
    requirement = {"gate": "gates[0]", "text": "at most 5 KiB", "cells": 3, "failed": 1}
    small.gate["requirements"] = [requirement]
    text = written(small.collect())
    assert "at most 5 KiB" in text
    assert "all but 1" in text


def test_page_shows_figure_when_it_is_not_the_matrix(rich):
    figures = [figure for figure in build_all_figures(rich) if figure.section != "matrix"]
    assert {figure.section for figure in figures} == set(SECTIONS) - {"device"}
    assert {f"figure-{figure.name}" for figure in figures} <= Reader(written(rich)).ids()


def fits(*cells: str) -> dict:
    return {"target": "cortex-m4", "text": "flash at most 64.0 KiB", "cells": list(cells)}


def test_page_begins_with_devices_when_c_code_was_measured(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"])
    small.firmware("cortex-m4")
    small.gate = {**small.gate, "fits": [fits("m/original/fiq_int8/litert")]}
    study = small.collect()
    page = written(study)
    assert page.index("What fits cortex-m4") < page.index('id="device"')
    assert page.index('id="device"') < page.index("Recommended models")
    assert "full-integer file whose C code has the least flash on cortex-m4" in page
    ids = Reader(page).ids()
    assert {"device", "figure-device_synthetic_x_cortex_m4"} <= ids


def test_device_figure_has_integer_cells_when_code_was_measured(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8", "fiq_uint8"])
    small.firmware("cortex-m4")
    figure = pareto.build_figures(small.collect())[0]
    assert figure.name == "device_synthetic_x_cortex_m4"
    assert [row["scheme"] for row in figure.rows] == ["fiq_int8", "fiq_uint8"]
    assert [panel["description"].split(" against ")[1] for panel in figure.panels] == [
        "flash on cortex-m4 [KiB].",
        "instructions on cortex-m4 [millions].",
        "RAM on cortex-m4 [KiB].",
    ]


def test_fits_table_has_most_accurate_cell_first_when_two_fit(small):
    small.model("m", "synthetic_x", ["original", "pruned"], ["float32", "fiq_int8"])
    small.firmware("cortex-m4")
    cells = [row for row in small.rows if row["scheme"] == "fiq_int8"]
    cells[0]["accuracy"], cells[1]["accuracy"] = 0.8, 0.9
    names = [f"m/{row['variant']}/fiq_int8/litert" for row in cells]
    small.gate = {**small.gate, "fits": [fits(*names)]}
    ((caption, table),) = tables.tabulate_fits(small.collect())
    assert caption == "What fits cortex-m4: flash at most 64.0 KiB"
    assert [row[1].text for row in table.rows] == ["m, pruned, fiq_int8", "m, original, fiq_int8"]
    assert table.titles[-3:] == [
        "flash on cortex-m4 [KiB]",
        "RAM on cortex-m4 [KiB]",
        "instructions on cortex-m4 [millions]",
    ]


def test_certificates_have_c_code_when_study_has_it(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"])
    assert "C code" not in tables.tabulate_certificates(small.collect()).titles
    small.firmware("cortex-m4")
    table = tables.tabulate_certificates(small.collect())
    assert [row[table.titles.index("C code")].text for row in table.rows] == ["exact"]


def test_recommended_model_has_flash_when_c_code_was_measured(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"])
    assert "file [KiB]" in tables.tabulate_recommendations(small.collect()).titles
    small.firmware("cortex-m4")
    table = tables.tabulate_recommendations(small.collect())
    assert "flash on cortex-m4 [KiB]" in table.titles
    assert "instructions on cortex-m4 of the most accurate model [millions]" in table.titles
    assert table.rows[0][1].text == "m, original, fiq_int8"


def test_cost_begins_with_sign_when_it_is_estimated(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"])
    small.firmware("cortex-m4")
    small.rows[-1]["firmware_costs"] = "estimated"
    table = tables.tabulate_cells(small.collect())
    column = table.titles.index("instructions on cortex-m4 [millions]")
    assert [row[column].text for row in table.rows] == ["", "≈ 2.500"]


def test_fits_table_is_empty_when_no_cell_fits(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"])
    small.gate = {**small.gate, "fits": [fits()]}
    study = small.collect()
    ((_, table),) = tables.tabulate_fits(study)
    assert table.rows == []
    assert "No cell fits" in written(study)


def test_figures_have_caption_and_rows_when_study_has_analyses(rich):
    figures = build_all_figures(rich)
    assert len({figure.name for figure in figures}) == len(figures)
    for figure in figures:
        assert figure.caption.endswith("."), figure.name
        assert figure.rows, figure.name
        assert figure.panels, figure.name
        for panel in figure.panels:
            assert panel["description"]
            assert '"name": "rows"' in json.dumps(panel)
            assert '"values":' not in json.dumps(panel)
    by_name = {figure.name: figure for figure in figures}
    assert len(by_name["layers_model_0"].panels) == 8
    assert len(by_name["pareto_recorded_0"].panels) == 4


def test_pareto_front_has_cell_only_when_no_other_dominates_it():
    cells = [(1, 0.8), (2, 0.9), (2, 0.85), (3, 0.9), (4, 0.9501), (4, 0.95), (None, 0.99)]
    candidates = [pareto.ParetoPoint(cost, accuracy, "litert") for cost, accuracy in cells]
    assert pareto.is_on_front(candidates) == [True, True, False, False, True, False, False]


def test_pareto_front_omits_keras_row_when_costs_are_equal():
    candidates = [pareto.ParetoPoint(5, 0.9, runtime) for runtime in ("keras", "akida", "litert")]
    assert pareto.is_on_front(candidates) == [False, True, True]


def test_pareto_figure_counts_cell_when_it_is_incompatible(rich):
    figures = {figure.name: figure for figure in pareto.build_figures(rich)}
    figure = figures["pareto_synthetic_0"]
    assert "Left out: 1 of 31 cells, which are incompatible" in figure.caption
    assert len(figure.rows) == 30


def test_background_colour_is_last_when_value_exceeds_limit():
    assert pick_background(0) == DIVERGING[len(DIVERGING) // 2]
    assert pick_background(LIMIT) == pick_background(50) == DIVERGING[-1]
    assert pick_background(-LIMIT) == pick_background(-50) == DIVERGING[0]


def test_text_colour_is_readable_when_background_differs():
    for step in range(-50, 51):
        background = pick_background(step / 10)
        assert contrast(background, pick_text_colour(background)) >= 4.5


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_matrix_has_arrows_when_differences_are_significant(small):
    small.model("m", "synthetic_x", ["original"], ["float32", "drq", "fiq_int8"])
    for row, delta, p in zip(small.rows, (0, -0.05, -0.05), (1, 0.0001, 0.6), strict=True):
        row |= {"delta_float": delta, "p_float": p}
    cells = tables.build_matrix(small.collect()).rows[0].cells
    assert [cell.text for cell in cells] == ["+0.00", "-5.00 ↓", "-5.00 ~"]


def test_cells_table_omits_columns_when_they_are_empty(small):
    small.model("m", "synthetic_x", ["original"], ["float32"])
    titles = tables.tabulate_cells(small.collect()).titles
    assert "arena [KiB]" not in titles
    assert "file [KiB]" in titles


def cell(accuracy: float, size: int, **changes) -> ResultRow:
    names = {"delta_float": 0.0, "p_holm": None, "size_bytes": size, "accuracy": accuracy}
    return ResultRow.from_columns({**names, "accuracy_high": accuracy + 0.02, **changes})


def test_choose_returns_smallest_when_loss_is_not_significant():
    top, near, worse = cell(0.95, 900), cell(0.94, 300), cell(0.90, 100)
    lost = cell(0.94, 200, delta_float=-0.02, p_holm=0.001)
    assert choose([top, near, worse, lost]) == (near, top)


def test_list_steps_omits_variant_when_it_is_qat(rich):
    steps = list_steps([row for row in rich.rows if row.model == "model_0"])
    assert {step.scheme for step in steps} == {"drq", "fiq_float32", "fiq_int8", "fiq_uint8"}
    assert not [step for step in steps if step.variant.endswith("_qat")]
    assert steps[0].step == "weights: drq"


def first_line(table: Table) -> dict[str, str]:
    return dict(zip(table.titles, (value.text for value in table.rows[0]), strict=True))


def test_quantized_weights_table_names_tensor_when_it_is_float(rich):
    line = first_line(tabulate_quantized_weights(rich))
    assert line["tensors in int8"] == "1 of 2"
    assert line["int8 tensors (values)"] == "CONV_2D conv 4,000"
    assert line["float tensors (values)"] == "FULLY_CONNECTED scores 100"


def test_layer_indexes_have_column_when_model_has_a_variant(rich):
    first = first_line(tabulate_layer_indexes(rich, "model_0"))
    assert first["index"] == "0"
    assert first["original"] == "CONV_2D model/conv_0/Relu, 1,024"
    assert "original_qat" in first


def test_search_tables_have_columns_when_study_has_searches(rich):
    chosen = searches.tabulate_mixed(rich).rows[1]
    assert [value.text for value in chosen][-3:] == ["yes", "yes", "yes"]
    assert searches.tabulate_calibration(rich).titles[2:4] == ["rule", "setting"]
    assert searches.tabulate_seeds(rich).rows == []


def test_seed_table_has_mean_and_spread_when_seeds_are_known(small):
    for seed in (1, 2, 3):
        small.model(f"m_s{seed}", "synthetic_x", ["original"], ["float32", "drq"], family="m")
        for row in small.rows[-2:]:
            row["seed"] = seed
    rows = searches.tabulate_seeds(small.collect()).rows
    assert rows[0][0].text == "m"
    assert "±" in rows[1][5].text


def test_list_limitations_omits_simulated_when_data_is_real(small):
    small.model("m", "synthetic_x", ["original"], ["float32"], groups=4)
    small.model("real", "digits", ["original"], ["float32"], groups=None)
    study = small.collect()
    simulated, real = (list_limitations(study, row) for row in study.rows)
    assert {"simulated", "few_groups", "one_seed", "host"} <= set(simulated)
    assert {"no_groups", "same_source"} <= set(real)
    assert "simulated" not in real


def test_cards_have_lineage_and_hashes_when_variant_has_a_parent(small):
    small.model("m", "synthetic_x", ["lowrank_qat"], ["fiq_int8"])
    cards = build_cards(small.collect())
    steps = [step.variant for step in cards.networks["m/lowrank_qat"].steps]
    assert steps == ["lowrank", "lowrank_qat"]
    files = cards.files["m/lowrank_qat/fiq_int8"]
    assert [Path(file.path).name for file in files] == ["model.tflite", "model.h5"]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in files)
    assert [file.path for file in cards.datasets["synthetic_x"].files] == [
        f"data/synthetic_x/{split}.npz" for split in ("train", "val", "calib", "test")
    ]
    assert "/home/" not in json.dumps(cards.to_json())
    assert cards.certificates["m/lowrank_qat/fiq_int8"]["tflm"]["verdict"] == "exact"


def test_read_table_is_empty_when_file_has_no_columns(tmp_path):
    (tmp_path / "rows.csv").write_text("\n")
    assert read_table(tmp_path / "rows.csv").empty


def test_read_table_keeps_name_when_it_is_na(tmp_path):
    (tmp_path / "rows.csv").write_text("model,accuracy\nNA,\n")
    assert to_records(read_table(tmp_path / "rows.csv")) == [{"model": "NA", "accuracy": None}]


def test_describe_origin_has_no_revision_when_folder_is_no_clone(tmp_path):
    facts = origin.describe_origin(tmp_path)
    assert "Git revision" not in facts
    assert "numpy" in facts["Packages"]
    assert str(tmp_path) not in json.dumps(facts)


def test_describe_origin_has_revision_when_folder_is_a_clone(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    debian.require("git")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert re.fullmatch("[0-9a-f]{7,}", origin.describe_origin(tmp_path)["Git revision"])


def test_draw_writes_svg_png_and_csv_when_figure_is_pareto(small, tmp_path):
    from snugnet.report.pictures import draw

    small.model("m", "synthetic_x", ["original"], ["float32", "fiq_int8"])
    figure = next(f for f in build_all_figures(small.collect()) if f.section == "pareto")
    draw(figure, tmp_path)
    assert "</svg>" in (tmp_path / f"{figure.name}.svg").read_text()
    assert (tmp_path / f"{figure.name}.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_csv(tmp_path / f"{figure.name}.csv")) == 2
