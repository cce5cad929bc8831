"""Tolerance for shares of zero weights and of removed parameters."""

# A share may deviate by this much: the reached one from its target, that of a file from its model.
SPARSITY_TOLERANCE = 0.005
