"""Checks that a face finder sees who is drawn: one person in the first picture, two in the second.

Run from the repository root with opencv-python-headless 4.14.0 installed: python examples/make/check-faces.py
"""

from pathlib import Path

import cv2

EXAMPLES = Path(__file__).parent.parent
# Where each face should be: its middle between eyes and mouth, in pixels (looks and places are in scenes.mjs).
EXPECTED = {
    "single/ref_image.png": [(530, 520)],
    "multi/ref_img.png": [(322, 405), (896, 430)],
}


def main() -> None:
    """Prints what was found at three strictnesses; fails on a face too many, too few or beside its place."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    for name, expected in EXPECTED.items():
        grey = cv2.imread(str(EXAMPLES / name), cv2.IMREAD_GRAYSCALE)
        for neighbours in (3, 5, 8):  # the usual choices, from lenient to strict
            found = sorted(
                map(
                    tuple,
                    cascade.detectMultiScale(grey, 1.1, neighbours, minSize=(80, 80)),
                )
            )
            boxes = [tuple(int(value) for value in box) for box in found]
            print(f"{name}, minNeighbors {neighbours}: {boxes}")
            assert len(boxes) == len(expected), f"{name}: {len(expected)} faces were drawn, {len(boxes)} found"
            for (x, y, width, height), (face_x, face_y) in zip(boxes, expected, strict=True):
                off = max(abs(x + width / 2 - face_x), abs(y + height / 2 - face_y))
                assert off < width / 4, f"{name}: the face is found {off:.0f} pixels beside its place"


if __name__ == "__main__":
    main()
