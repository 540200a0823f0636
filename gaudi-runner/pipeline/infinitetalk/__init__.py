"""InfiniteTalk's model, read from its published weights and split over the ranks.

Read in the order in which a video's tensors are made: `model.py` (one forward pass), `attention.py`, `parallel.py`
(where tokens go to heads and back), then `encoders/` (text, picture, sound, latents), `weights/` and `engine.py`. The
numbers that all of it must reproduce are the parity files that `tests/infinitetalk` reads.
"""
