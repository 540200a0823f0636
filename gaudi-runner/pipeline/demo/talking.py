"""The frames that the demo shows: the reference's own, each person's head and mouth moved by their voice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.demo.face import Face, find_faces
from pipeline.demo.puppet import SILENCE, Box, Speech, head_box, move_face
from pipeline.engine import Conditions

# In a video, faces are looked for in every so many frames, counted from its start, and lie between in between: so a
# frame's faces do not depend on the chunk that shows it.
LOOK_EVERY = 12


def talking_frames(conditions: Conditions, faces: list[list[Face]], region: Box) -> Iterator[Tensor]:
    """Yield the region of the chunk's frames, [3,h,2w] in [-1, 1]: silent, then speaking; `faces` per frame and person.

    Together, since a frame of a film is then decoded once, and a face's surroundings are worked out once: a chunk of a
    film takes 7.0 s instead of 8.4.
    """
    assert conditions.reference is not None
    speech = conditions.audio[:, :, 2, 0].tolist()  # the frame itself, of its window: [persons, F, 3]
    frames = conditions.reference.frames(conditions.start, len(faces))
    for offset, (frame, people) in enumerate(zip(frames, faces, strict=True)):
        pixels = _pixels(frame[:, region.top : region.bottom, region.left : region.right])
        silent, speaking = pixels, pixels.copy()
        for person, face in enumerate(people):
            here = replace(face, x=face.x - region.left, y=face.y - region.top)
            here = replace(here, mouth_x=face.mouth_x - region.left, mouth_y=face.mouth_y - region.top)
            for drawn, heard in ((silent, SILENCE), (speaking, Speech(*speech[person][offset]))):
                box, moved = move_face(drawn, here, person, (conditions.start + offset) / conditions.fps, heard)
                drawn[box.top : box.bottom, box.left : box.right] = moved
        yield torch.from_numpy(np.concatenate((silent, speaking), 1)).permute(2, 0, 1).mul(2).sub_(1)


def moving_region(conditions: Conditions, faces: list[list[Face]]) -> Box:
    """What of a still picture moves at all, in whole blocks of the VAE; of a video, everything."""
    height, width = (8 * side for side in conditions.masks.shape[1:])
    if conditions.reference is None or not conditions.reference.still:
        return Box(0, 0, height, width)
    boxes = [head_box(face, height, width) for face in faces[0]]
    return Box(
        min(box.top for box in boxes) // 8 * 8,
        min(box.left for box in boxes) // 8 * 8,
        -(-max(box.bottom for box in boxes) // 8) * 8,
        -(-max(box.right for box in boxes) // 8) * 8,
    )


def faces_of(conditions: Conditions) -> list[list[Face]]:
    """Each person's face at every frame of the chunk, leftmost person first."""
    reference, count = conditions.reference, conditions.audio.shape[1]
    assert reference is not None
    if reference.still:
        return [_look(conditions, next(iter(reference.frames(0, 1))))] * count
    first, last = conditions.start, conditions.start + count - 1
    looks = range(first // LOOK_EVERY, last // LOOK_EVERY + 2)
    seen = {look: _look(conditions, next(iter(reference.frames(look * LOOK_EVERY, 1)))) for look in looks}
    faces = []
    for number in range(first, last + 1):
        look, since = divmod(number, LOOK_EVERY)
        pairs = zip(seen[look], seen[look + 1], strict=True)
        faces.append([_between(before, after, since / LOOK_EVERY) for before, after in pairs])
    return faces


def _pixels(frame: Tensor) -> np.ndarray:
    """[3,H,W] in [-1, 1] to a new [H,W,3] in [0, 1]."""
    return np.ascontiguousarray(frame.permute(1, 2, 0).add(1).div_(2).numpy())


def _look(conditions: Conditions, frame: Tensor) -> list[Face]:
    persons = conditions.audio.shape[0]
    regions = F.interpolate(conditions.masks[None, :persons], size=frame.shape[1:], mode="nearest")[0].numpy()
    return find_faces((_pixels(frame) * 255).round().astype(np.uint8), list(regions))


def _between(before: Face, after: Face, share: float) -> Face:
    if (
        abs(before.x - after.x) + abs(before.y - after.y) > 0.6 * before.size
    ):  # another face: no flight across the picture
        return before
    return Face(*(a + share * (b - a) for a, b in zip(astuple(before), astuple(after), strict=True)))
