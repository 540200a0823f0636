"""Programs for benches and tests around the pipeline; nothing in it runs on the ranks."""
