"""What the runner asks the ranks to render: every setting's name, type and bounds, defined here once for the ranks.

The settings have the names of the service's parameters, and their bounds: `test/fixtures/parameters.json` holds both
sides to the same verdicts. Three things are settled before: who sends the order has chosen a seed, turned the frame
rate into one that the model renders, and counted frames and pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pipeline.presets import PRESETS
from pipeline.rules import Broken, checked, flag, list_of, one_of, real, text, whole


class OrderRejected(ValueError):
    """The order or one of its files cannot be rendered. Found on rank 0 before the first collective, agreed by all.

    The text is for operators; `code` is one of `failures.REJECTIONS`.
    """

    def __init__(self, detail: str, code: str = "order_refused") -> None:
        """Without a code the order itself is at fault, which the API should have refused: ours to mend."""
        super().__init__(detail, code)  # `args` are what another rank raises it again from
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Box:
    """Where a person is, in pixels of the reference as displayed; x and y of the upper left corner."""

    x: Annotated[int, whole(0, 65_535)]
    y: Annotated[int, whole(0, 65_535)]
    width: Annotated[int, whole(1, 65_535)]
    height: Annotated[int, whole(1, 65_535)]


@dataclass(frozen=True)
class Order:
    """One video, with everything resolved; nothing has a default."""

    prompt: Annotated[str, text(4000)]
    negative_prompt: Annotated[str, text(4000)]
    preset: Annotated[str, one_of(*PRESETS)]
    audio_type: Annotated[Literal["add", "para"], one_of("add", "para")]
    bbox: Annotated[list[Box], list_of(Box, 2)]  # one per voice, or none
    fps: Annotated[int, whole(23, 30)]  # what the model renders at
    steps: Annotated[int, whole(1, 100)]
    shift: Annotated[float, real(0, 20, above=True)]
    guide_scale: Annotated[float, real(0, 20)]
    audio_guide_scale: Annotated[float, real(0, 20)]
    seed: Annotated[int, whole(0, 2**32 - 1)]  # chosen: never -1
    # Made of the parameters and the files by whoever sends the order, or where it goes on.
    reference_is_video: Annotated[bool, flag()]
    frames: Annotated[int, whole(1, 30 * 86_400)]
    # 16 pixels a token side: anything else leaves part of a token over.
    width: Annotated[int, whole(64, 4096, step=16)]
    height: Annotated[int, whole(64, 4096, step=16)]
    first_chunk: Annotated[int, whole(0, 1_000_000)]

    @staticmethod
    def read(values: dict[str, Any]) -> Order:
        """Check the runner's JSON object field by field; all mistakes at once."""
        try:
            return checked(Order, values)
        except Broken as error:
            raise OrderRejected(f"the order is wrong: {error}") from error
