"""The network of a cell: the variant whose Keras model the cell computes."""

from snugnet.core.akida_schemes import AKIDA_SCHEMES


def find_network(scheme: str, variant: str, method: str | None, parent: str | None) -> str:
    """Find the variant whose float network a cell computes.

    QAT for Akida has its own quantizers. It starts from the network of the parent.

    Args:
        scheme: Scheme of the cell.
        variant: Variant of the cell.
        method: Compression method of the variant; None where it is not known.
        parent: Parent of the variant; None for a trained variant.

    Returns:
        The parent for QAT with an Akida scheme, else the variant itself.
    """
    if scheme not in AKIDA_SCHEMES or method != "qat":
        return variant
    assert parent is not None, "a QAT variant has a parent"
    return parent
