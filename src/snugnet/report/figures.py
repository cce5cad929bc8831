"""All figures of the report."""

from snugnet.report import designs, layers, matrix, mistakes, pareto, quantization_steps
from snugnet.report.collect import Study
from snugnet.report.figure import Figure


def all_figures(study: Study) -> list[Figure]:
    """Draw everything that the study has, in the order of the page."""
    parts = (matrix, pareto, quantization_steps, layers, mistakes, designs)
    return [figure for part in parts for figure in part.figures(study)]
