"""Settings of schemes that have none."""

from snugnet.core.settings.base import Settings


class PlainSchemeSettings(Settings):
    """A scheme without settings."""
