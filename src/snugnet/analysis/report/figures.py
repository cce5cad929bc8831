"""All figures of the report."""

from snugnet.analysis.report import designs, ladder, layers, matrix, mistakes, pareto
from snugnet.analysis.report.collect import Study
from snugnet.analysis.report.figure import Figure


def all_figures(study: Study) -> list[Figure]:
    """Draw everything that the study has, in the order of the page."""
    parts = (matrix, pareto, ladder, layers, mistakes, designs)
    return [figure for part in parts for figure in part.figures(study)]
