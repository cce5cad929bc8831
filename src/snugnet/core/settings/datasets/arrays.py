"""Names of the arrays in a user's file."""

from snugnet.core.settings.base import Settings


class ArrayNames(Settings):
    """Names of arrays or columns, by role: a field is a role."""

    def by_role(self) -> dict[str, str]:
        """Return the given names by role; an array without a name has the name of its role."""
        return {role: name for role, name in self if name is not None}
