"""Tests of the HTML report in a browser."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import debian
from tests.report_study import rich_study, write_page

pytestmark = pytest.mark.browser
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
CHARTS = ("pareto", "quantization_steps", "layers", "mistakes", "designs")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    debian.require("chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tiny_page(tiny) -> Path:
    return tiny.results / "report" / "index.html"


@pytest.fixture(scope="module")
def rich_page(tmp_path_factory) -> Path:
    """A page of the default study's size, with every section."""
    return write_page(rich_study(tmp_path_factory.mktemp("rich")))


class Tab:
    """An open page, with its console messages and its requests."""

    def __init__(self, browser: Any, path: Path, size: str, scheme: str, **options: Any) -> None:
        width, height = SIZES[size]
        viewport = {"width": width, "height": height}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        self.page = self.context.new_page()
        self.name = f"{size}_{scheme}"
        self.trouble: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", lambda m: self.trouble.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.address = path.as_uri()
        self.page.goto(self.address)

    def ready(self) -> "Tab":
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self

    def picture(self, what: str) -> None:
        """Save a screenshot if SNUGNET_PICTURES names a folder."""
        folder = os.environ.get("SNUGNET_PICTURES")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{self.name}_{what}.png"))

    def draw(self, section: str) -> None:
        """Go to a section and wait until its first chart is drawn."""
        self.page.evaluate("id => document.getElementById(id).scrollIntoView()", section)
        self.page.wait_for_selector(f"#{section} .panel svg", timeout=60_000)

    def fine(self) -> None:
        assert self.trouble == []
        assert self.requested == [self.address]


@pytest.fixture
def tab(browser) -> Iterator[Any]:
    opened = []

    def start(path: Path, size: str = "wide", scheme: str = "light", **options: Any) -> Tab:
        opened.append(Tab(browser, path, size, scheme, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("study", ["tiny", "rich"])
def test_page_has_no_error_or_request_when_charts_are_drawn(
    tab, tiny_page, rich_page, study, size, scheme
):
    opened = tab({"tiny": tiny_page, "rich": rich_page}[study], size, scheme).ready()
    opened.name = f"{study}_{opened.name}"
    sections = opened.page.eval_on_selector_all("main > section", "all => all.map(s => s.id)")
    for section in sections:
        if section in CHARTS and opened.page.query_selector(f"#{section} figure"):
            opened.draw(section)
        opened.page.evaluate("id => document.getElementById(id).scrollIntoView()", section)
        opened.picture(section)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    opened.fine()


def test_page_draws_only_visible_charts_when_it_is_large(tab, rich_page):
    """How long it takes is measured by `benchmarks/page.py`."""
    page = tab(rich_page).ready().page
    assert page.locator("figure[data-name]").count() > 50
    assert page.locator("figure svg").count() < 5
    assert rich_page.stat().st_size < 10_000_000


@pytest.mark.parametrize("size", SIZES)
def test_page_filters_cells_when_scheme_is_typed(tab, tiny_page, size):
    page = tab(tiny_page, size).ready().page
    page.focus("#filters select[name=scheme]")
    page.keyboard.type("drq")
    page.keyboard.press("Tab")
    assert page.inner_text("#filters output") == "2 of 24 cells"
    assert page.locator("#cells tbody tr:visible").count() == 2
    assert page.locator("#matrix thead th:visible").all_inner_texts() == ["model, variant", "drq"]
    page.focus("#filters button[type=reset]")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('output').textContent === '24 of 24 cells'")
    assert page.locator("#cells tbody tr:visible").count() == 24


@pytest.mark.parametrize("size", SIZES)
def test_page_sorts_table_when_heading_is_pressed(tab, tiny_page, size):
    page = tab(tiny_page, size).ready().page
    heading = page.locator("#cells thead th", has_text="file [KiB]")
    column = heading.evaluate("heading => heading.cellIndex")
    for way, reverse in (("ascending", False), ("descending", True)):
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == way
        cells = page.locator(f"#cells tbody tr > :nth-child({column + 1})").all_inner_texts()
        sizes = [float(text.replace(",", "")) for text in cells]
        assert sizes == sorted(sizes, reverse=reverse)


@pytest.mark.parametrize("size", SIZES)
def test_page_opens_card_when_point_is_clicked(tab, tiny_page, size):
    opened = tab(tiny_page, size).ready()
    opened.draw("pareto")
    opened.page.locator("#pareto figure:visible .mark-symbol.role-mark path").last.click(force=True)
    opened.page.wait_for_selector("#card article h3")
    title = opened.page.inner_text("#card article h3")
    assert opened.page.evaluate("decodeURIComponent(location.hash)") == "#cell/" + title.replace(
        ", ", "/"
    )
    for words in ("Limitations", "SHA-256", "Compression steps", "Splits"):
        assert words in opened.page.inner_text("#card")
    opened.picture("card")
    opened.fine()


def test_page_opens_card_when_address_has_a_cell(tab, tiny_page):
    opened = tab(tiny_page).ready()
    opened.page.goto(opened.address + "#cell/digits_fc/original/fiq_int8/litert")
    opened.page.reload()
    opened.page.wait_for_selector("#card article")
    assert "Bit-exact" in opened.page.inner_text("#card")
    opened.page.goto(opened.address + "#cell/no/such/cell/%E0%A4%A")
    assert "no such cell" in opened.page.inner_text("#card")


def test_page_draws_layers_when_another_model_is_selected(tab, rich_page):
    opened = tab(rich_page).ready()
    opened.draw("layers")
    opened.page.select_option("#layers .choose select", "model_7")
    opened.page.wait_for_selector("#figure-layers_model_7 .panel:nth-child(8) svg", timeout=60_000)
    assert not opened.page.is_visible("#figure-layers_model_0")
    opened.page.click("#figure-layers_model_7 details.data summary")
    rows = opened.page.locator("#figure-layers_model_7 details.data tbody tr")
    rows.first.wait_for()  # a table is written after its summary is opened, all rows at once
    assert rows.count() == 6 * 12
    opened.fine()


def test_charts_have_text_colour_of_page_when_scheme_is_dark(tab, rich_page):
    opened = tab(rich_page, scheme="dark").ready()
    opened.draw("pareto")
    fills = opened.page.eval_on_selector_all(
        "#pareto svg text", "all => [...new Set(all.map(t => t.getAttribute('fill')))]"
    )
    ink = opened.page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    )
    assert set(fills) == {ink}


def test_page_shows_tables_when_javascript_is_off(tab, tiny_page):
    page = tab(tiny_page, java_script_enabled=False).page
    assert page.locator("#cells tbody tr").count() == 24
    assert "Charts are files in the folder figures" in page.inner_text("noscript")
    assert page.is_hidden("#filters")
