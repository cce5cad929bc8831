"""Tests of the reports of pre-flight checks."""

from snugnet.akida.preflight_report import PreflightReport, order_reports


def cell(model: str, scheme: str, variant: str = "original") -> dict[str, str]:
    return {"model": model, "scheme": scheme, "variant": variant}


def test_order_reports_follows_cells_when_variants_repeat_scheme():
    reports = [
        PreflightReport(model, scheme, "SixNodesIPv2", ())
        for model in ("a", "b")
        for scheme in ("akida_v2_w4a4", "akida_v2_w8a8")
    ]
    cells = [
        cell("b", "float32"),
        cell("b", "akida_v2_w8a8"),
        cell("b", "akida_v2_w8a8", "pruned"),
        cell("a", "akida_v2_w4a4"),
        cell("b", "akida_v2_w4a4"),
    ]
    ordered = order_reports(reports, cells)
    assert [(report.model, report.scheme) for report in ordered] == [
        ("b", "akida_v2_w8a8"),
        ("a", "akida_v2_w4a4"),
        ("b", "akida_v2_w4a4"),
    ]
