"""How many examples of a property are drawn."""

from hypothesis import settings


def at_most(count):
    """Return a number of examples that the profile allows: fewer in the quick run."""
    return min(count, settings.default.max_examples)
