"""Names of the arrays in a user's file."""

from typing import Any

from snugnet.core.settings.base import Settings


class ArrayNames(Settings):
    """Names of arrays or columns, by role: a field is a role."""

    def to_plain(self) -> dict[str, Any]:
        """Return the names that are set as plain values."""
        return {role: name for role, name in self if name is not None}

    def by_role(self) -> dict[str, str]:
        """Return the given names by role; an array without a name has the name of its role.

        Roles of several arrays are left out.
        """
        return {role: name for role, name in self if isinstance(name, str)}
