"""The published files: where they lie, what is in them, and how it gets into the model."""
