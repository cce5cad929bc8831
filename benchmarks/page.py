"""Opening the page of a study of default size beside opening that of one of two models.

For each: its size, and the time from the beginning of navigation until filters, tables and charts
answer (`data-ready`), in headless Chromium, in turns.

    python benchmarks/page.py [--repeats 5]
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.report_study import rich_study, write_page

MODELS = {"two models": 2, "default study": 13}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]


def seconds(browser: Any, page: Path) -> float:
    """Open a page in a new context; give the time until it is ready."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    start = time.perf_counter()
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_selector("html[data-ready]", state="attached")
    taken = time.perf_counter() - start
    context.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        pages = {
            name: write_page(rich_study(Path(folder) / str(models), models))
            for name, models in MODELS.items()
        }
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        times: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(repeats):
            for name, page in pages.items():
                times[name].append(seconds(browser, page))
        browser.close()
        for name, page in pages.items():
            size, middle = page.stat().st_size / 1e6, statistics.median(times[name])
            print(f"{name}: {size:.1f} MB, ready after {middle:.2f} s (median of {repeats})")
    ratio = statistics.median(times["default study"]) / statistics.median(times["two models"])
    print(f"ratio: {ratio:.2f}")


if __name__ == "__main__":
    main()
