"""Time opening the report of a study of default size against the report of two models.

Prints the size of each report and the time from the start of navigation until filters, tables and
charts work (`data-ready`) in headless Chromium. The two reports take turns; the median counts.

    python benchmarks/page.py [--repeats 5]

It needs Debian's Chromium (`make programs` or `apt-get install chromium`) and Playwright (in
requirements-dev.txt).
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODELS = {"two models": 2, "default study": 13}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]


def seconds(browser: Any, page: Path) -> float:
    """Open a page in a new context; return the time until it is ready."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    start = time.perf_counter()
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_selector("html[data-ready]", state="attached")
    taken = time.perf_counter() - start
    context.close()
    return taken


def find_chromium() -> str:
    """Return the path of Chromium, or exit with the command that installs it."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit(
            "chromium is not on the PATH; install it with `make programs` or, as root, "
            "`apt-get install chromium`"
        )
    return path


def make_pages(folder: Path) -> dict[str, Path]:
    """Write the report of each study; return the path of each."""
    # The tests' made-up study; Python puts the folder of this script on the path, not the clone.
    sys.path.insert(0, str(ROOT))
    from tests.report_study import rich_study, write_page

    return {
        name: write_page(rich_study(folder / str(models), models))
        for name, models in MODELS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--repeats", type=int, default=5, help="How often each page is opened (default: 5)."
    )
    repeats = parser.parse_args().repeats
    chromium = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise SystemExit(
            "playwright is not installed; install it with "
            "`pip install --require-hashes --no-deps -r requirements-dev.txt`"
        ) from None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        pages = make_pages(Path(folder))
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        times: dict[str, list[float]] = {name: [] for name in pages}
        for _ in range(repeats):
            for name, page in pages.items():
                times[name].append(seconds(browser, page))
        browser.close()
        for name, page in pages.items():
            size, median = page.stat().st_size / 1e6, statistics.median(times[name])
            print(f"{name}: {size:.1f} MB, ready after {median:.2f} s (median of {repeats})")
    ratio = statistics.median(times["default study"]) / statistics.median(times["two models"])
    print(f"default study / two models = {ratio:.2f}")


if __name__ == "__main__":
    main()
