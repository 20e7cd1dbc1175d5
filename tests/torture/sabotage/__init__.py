"""One folder for each safety: its sitecustomize takes the safety out of the product's processes.

PYTHONPATH of the bench's own house leads here; the product itself knows of no such switch."""
