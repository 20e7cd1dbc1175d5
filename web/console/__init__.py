"""The console: where staff change what customers hear, and see what will happen first. A file a page."""

from web.console import door, today
from web.console.frame import console

__all__ = ["console", "door", "today"]
