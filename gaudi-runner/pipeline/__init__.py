"""The streaming pipeline of InfiniteTalk on the ranks of one node; read `ranks.py`, then `stream.py`."""
