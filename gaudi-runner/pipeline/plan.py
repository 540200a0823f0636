"""How many chunks, of how many frames, make a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# What the last of several chunks may be cut down to: few, for every length is compiled anew on an accelerator.
LAST_LENGTHS = (41, 57)


@dataclass(frozen=True)
class Plan:
    """Chunks, each but the first beginning with the last `motion_frames` of the one before; the last may be shorter."""

    frames: int  # of the finished video
    chunk_frames: int  # F, 4n + 1
    motion_frames: int  # M, 4n + 1
    chunks: int
    last_frames: int  # of the last chunk, 4n + 1

    def length(self, index: int) -> int:
        """Frames that are rendered for a chunk."""
        return self.last_frames if index + 1 == self.chunks else self.chunk_frames

    def start(self, index: int) -> int:
        """First frame of a chunk in the video; the chunk ends before start + length."""
        return index * (self.chunk_frames - self.motion_frames)

    def emitted(self, index: int) -> slice:
        """Which of a chunk's frames are new, and within the video's length."""
        first = self.motion_frames if index > 0 else 0
        return slice(first, min(self.length(index), self.frames - self.start(index)))

    def latents(self, index: int) -> int:
        """Latent frames of a chunk: one for the first frame, one for each four after it."""
        return (self.length(index) - 1) // 4 + 1


def plan_chunks(
    frames: int, chunk_frames: int = 81, motion_frames: int = 9, last_lengths: Sequence[int] = LAST_LENGTHS
) -> Plan:
    """Plan as the reference does for more frames than a chunk: 1 + ceil((L - F) / (F - M)) chunks.

    Two things are ours. What fits one chunk gets a single one, of the smallest 4n + 1 frames that
    hold it and at least 5 (a second latent); the reference would make two and throw almost half away. And the last of
    several chunks is cut to the first of `last_lengths` that holds what is left; with none it is as the reference's.
    """
    if chunk_frames % 4 != 1 or motion_frames % 4 != 1 or not 0 < motion_frames < chunk_frames:
        raise ValueError(f"chunks of {chunk_frames} frames with {motion_frames} motion frames: both must be 4n + 1")
    if frames <= chunk_frames:
        only = max(5, 4 * -((1 - frames) // 4) + 1)
        return Plan(frames, only, motion_frames, 1, only)
    stride = chunk_frames - motion_frames
    chunks = 1 - ((chunk_frames - frames) // stride)
    left = frames - (chunks - 1) * stride
    return Plan(
        frames,
        chunk_frames,
        motion_frames,
        chunks,
        min([length for length in last_lengths if length >= left], default=chunk_frames),
    )
