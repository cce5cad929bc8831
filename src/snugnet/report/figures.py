"""All figures of the report."""

from snugnet.report import designs, layers, matrix, mistakes, pareto, quantization_steps
from snugnet.report.collect import ReportData
from snugnet.report.figure import Figure


def build_all_figures(study: ReportData) -> list[Figure]:
    """Build every figure that the study has results for, in the order of the page."""
    modules = (matrix, pareto, quantization_steps, layers, mistakes, designs)
    return [figure for module in modules for figure in module.build_figures(study)]
