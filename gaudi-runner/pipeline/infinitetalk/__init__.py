"""InfiniteTalk's model, read from its published weights and split over the ranks.

Read in the order in which a video's tensors are made: `transformer.py` (one forward pass), `block.py`,
`self_attention.py` (where tokens go to heads and back), then `encoders/` (text, picture, sound, latents), `weights.py`
and `engine.py`. The numbers that all of it must reproduce are the parity files that `tests/infinitetalk` reads.
"""
