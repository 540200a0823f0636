"""Peak memory of every rank for a short and a long voice, with the tiny random model; for `npm run bench -- memory`:

python tests/measure_memory.py 2 10 600
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from orders import make_inputs, order
from rank_group import RankGroup

from pipeline.infinitetalk.tiny_checkpoint import write_tiny_checkpoint


def measure(ranks: int, seconds: list[float]) -> list[dict]:
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_checkpoint(Path(folder) / "hf")
        with RankGroup(ranks, ("infinitetalk", "--model-dir", f"{folder}/hf")) as group:
            assert group.until("ready", "failed")["type"] == "ready"
            for length in seconds:
                said = order(
                    frames=int(25 * length), width=64, height=64, steps=1, guide_scale=1.0, audio_guide_scale=1.0
                )
                done = group.render(f"of_{length}", make_inputs(Path(folder) / str(length), length), 3600, **said)
                assert done["type"] == "finished", done
                took = {"seconds": length, "chunks": done["chunks"], "render_seconds": done["render_seconds"]}
                measured.append({**took, "peak_kib": [group.peak_kib(rank) for rank in range(ranks)]})
    return measured


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), [float(length) for length in sys.argv[2:]])))
