"""The answer to a survey. Pure: values in, an answer out."""

from curation import functions

__all__ = ["functions"]  # imported here so that modules may call formulas whichever part is used first
