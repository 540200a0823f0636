"""How many chunks, of how many frames, make a video."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Chunks of equal length, each but the first beginning with the last `motion_frames` of the one before."""

    frames: int  # of the finished video
    chunk_frames: int  # F, 4n + 1
    motion_frames: int  # M, 4n + 1
    chunks: int

    def start(self, index: int) -> int:
        """First frame of a chunk in the video; the chunk ends before start + chunk_frames."""
        return index * (self.chunk_frames - self.motion_frames)

    def emitted(self, index: int) -> slice:
        """Which of a chunk's frames are new, and within the video's length."""
        first = self.motion_frames if index > 0 else 0
        return slice(first, min(self.chunk_frames, self.frames - self.start(index)))

    @property
    def latents(self) -> int:
        """Latent frames of a chunk: one for the first frame, one for each four after it."""
        return (self.chunk_frames - 1) // 4 + 1


def plan_chunks(frames: int, chunk_frames: int = 81, motion_frames: int = 9) -> Plan:
    """Plan as the reference does for more frames than a chunk: 1 + ceil((L - F) / (F - M)) chunks.

    What fits one chunk gets a single one, of the smallest 4n + 1 frames that hold it and at least 5 (a second latent).
    The reference would make two and throw almost half away (facts: pipeline 2.4).
    """
    if chunk_frames % 4 != 1 or motion_frames % 4 != 1 or not 0 < motion_frames < chunk_frames:
        raise ValueError(f"chunks of {chunk_frames} frames with {motion_frames} motion frames: both must be 4n + 1")
    if frames <= chunk_frames:
        return Plan(frames, max(5, 4 * -((1 - frames) // 4) + 1), motion_frames, 1)
    stride = chunk_frames - motion_frames
    return Plan(frames, chunk_frames, motion_frames, 1 - ((chunk_frames - frames) // stride))
