"""Lineage of variants: parents, quantizers, and the networks that Akida and TFLite files share."""

from snugnet.config.overlay import scheme_settings
from snugnet.config.schema import AnyVariant, Configuration
from snugnet.core.cell_network import find_network
from snugnet.core.tflite_schemes import DERIVED_SCHEMES, NETWORK_SCHEME

# Methods after which a model has quantizers with ranges.
WITH_QUANTIZERS = ("qat", "calibrate")


def parent_of(config: Configuration, variant: str) -> str | None:
    """Return the variant that another one is made from; None for a trained variant."""
    block = config.variants[variant]
    return block.parent if isinstance(block, AnyVariant) else None


def ancestry(config: Configuration, variant: str) -> list[str]:
    """List a variant and its ancestors, the first ancestor first."""
    parent = parent_of(config, variant)
    return [*(ancestry(config, parent) if parent else []), variant]


def has_quantizers(config: Configuration, variant: str) -> bool:
    """Return whether a variant has quantizer ranges, so that its files need no calibration."""
    return config.variants[variant].method in WITH_QUANTIZERS


def variants_without_quantizers(config: Configuration) -> list[str]:
    """List the variants whose files need calibration."""
    return [name for name in config.variants if not has_quantizers(config, name)]


def network_of(config: Configuration, variant: str, scheme: str) -> str:
    """Return the variant whose float network the cells of a variant and a scheme compute."""
    method = config.variants[variant].method
    return find_network(scheme, variant, method, parent_of(config, variant))


def shares_network(config: Configuration, model: str, variant: str, scheme: str) -> bool:
    """Return whether a scheme's file is derived from the file of scheme `fiq_float32`.

    It is if both have the same settings, or if the variant has quantizers, whose files need none.
    """
    if scheme not in DERIVED_SCHEMES:
        return False
    if has_quantizers(config, variant):
        return True
    network = scheme_settings(config, model, NETWORK_SCHEME)
    return scheme_settings(config, model, scheme).to_json() == network.to_json()
