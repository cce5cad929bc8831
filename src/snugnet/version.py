"""The version of Snugnet. The package's metadata (pyproject.toml) are read from here."""

__version__ = "0.1.0"
