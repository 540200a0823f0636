"""What the runner asks the ranks to render."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal


class OrderRejected(ValueError):
    """The order or one of its files cannot be rendered. Found on rank 0 before the first collective, agreed by all.

    The text is for operators; `code` is one of `failures.REJECTIONS`.
    """

    def __init__(self, detail: str, code: str = "order_refused") -> None:
        """Without a code the order itself is at fault, which the API should have refused: ours to mend."""
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Box:
    """Where a person is, in pixels of the reference as displayed; x and y of the upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Order:
    """One video, with everything resolved: sizes from the bucket tables, a seed, frames counted from samples."""

    prompt: str
    negative_prompt: str
    preset: str
    reference_is_video: bool
    voice_mode: Literal["add", "para"]
    boxes: list[Box]  # one per voice, or none
    fps: int
    frames: int
    width: int
    height: int
    steps: int
    shift: float
    text_guide: float
    audio_guide: float
    seed: int
    first_chunk: int

    @staticmethod
    def read(values: dict[str, Any]) -> Order:
        """Check the runner's JSON object field by field; all mistakes at once."""
        names = {field.name for field in fields(Order)}
        missing, unknown = names - values.keys(), values.keys() - names
        if missing or unknown:
            raise OrderRejected(f"the order lacks {sorted(missing)} and has unknown {sorted(unknown)}")
        order = Order(**{**values, "boxes": [Box(**box) for box in values["boxes"]]})
        wrong = [text for holds, text in order._rules() if not holds]
        if wrong:
            raise OrderRejected("; ".join(wrong))
        return order

    def _rules(self) -> list[tuple[bool, str]]:
        return [
            (self.voice_mode in ("add", "para"), f"voice_mode {self.voice_mode} is neither add nor para"),
            (1 <= self.fps <= 60, f"fps {self.fps} is not within 1-60"),
            (self.frames >= 1, f"frames {self.frames} is less than 1"),
            # 16 pixels a token side: anything else leaves part of a token over (facts: pipeline 3).
            (self.width > 0 and self.width % 16 == 0, f"width {self.width} is not a multiple of 16"),
            (self.height > 0 and self.height % 16 == 0, f"height {self.height} is not a multiple of 16"),
            (1 <= self.steps <= 1000, f"steps {self.steps} is not within 1-1000"),
            (self.shift > 0, f"shift {self.shift} is not positive"),
            (self.text_guide >= 0 and self.audio_guide >= 0, "a guide scale is negative"),
            (0 <= self.seed < 2**63, f"seed {self.seed} is not resolved"),
            (self.first_chunk >= 0, f"first_chunk {self.first_chunk} is negative"),
        ]
