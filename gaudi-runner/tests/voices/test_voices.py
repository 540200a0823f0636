"""Voices are read, measured and placed a piece at a time, to the same numbers as all at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import torch

from pipeline.order import OrderRejected
from pipeline.voices.embedding import Embedding
from pipeline.voices.loudness import integrated_loudness, loudness_gain
from pipeline.voices.signals import Sound, WavFile, blocks, place_voices
from pipeline.voices.windows import chunk_windows
from support.orders import syllables, write_voice


@pytest.mark.parametrize("seconds", [0.4, 0.449, 0.45, 1.0, 29.95, 30.0, 30.07, 61.3])
def test_loudness_is_what_the_meter_says_of_the_whole(seconds: float) -> None:
    samples = syllables(seconds) * np.linspace(1, 0.01, int(seconds * 16000))
    whole = pyloudnorm.Meter(16000).integrated_loudness(samples)
    assert integrated_loudness(Sound(samples)) == pytest.approx(whole, abs=1e-9)


def test_silence_and_what_is_too_short_to_measure_stay_as_loud() -> None:
    assert loudness_gain(Sound(np.zeros(16000))) == 1
    assert loudness_gain(Sound(syllables(0.39))) == 1


def test_a_file_is_read_anywhere_with_silence_around_it(tmp_path: Path) -> None:
    write_voice(tmp_path / "v.wav", syllables(31.0))
    voice = WavFile(tmp_path / "v.wav")
    whole = np.concatenate(list(blocks(voice)))
    assert voice.samples == whole.size == 31 * 16000
    np.testing.assert_array_equal(voice.read(-3, 5), [0, 0, 0, *whole[:5]])
    np.testing.assert_array_equal(voice.read(whole.size - 2, whole.size + 2), [*whole[-2:], 0, 0])
    for start, stop in ((-9, -4), (whole.size + 1, whole.size + 6)):
        np.testing.assert_array_equal(voice.read(start, stop), np.zeros(5))


@pytest.mark.parametrize("cut", [0, 20, 44, 45, 46, 1000])
def test_a_file_that_ends_early_has_the_samples_that_are_there(tmp_path: Path, cut: int) -> None:
    write_voice(tmp_path / "v.wav", syllables(1.0))
    (tmp_path / "v.wav").write_bytes((tmp_path / "v.wav").read_bytes()[:cut])
    if cut < 46:
        with pytest.raises(OrderRejected, match=r"v\.wav"):
            WavFile(tmp_path / "v.wav")
    else:
        assert WavFile(tmp_path / "v.wav").samples == (cut - 44) // 2


def test_a_header_that_leaves_the_length_open_is_taken_for_what_is_there(tmp_path: Path) -> None:
    # As the API writes it: while the voice is decoded its length is not known.
    write_voice(tmp_path / "v.wav", syllables(1.0))
    wav = bytearray((tmp_path / "v.wav").read_bytes())
    wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "open.wav").write_bytes(wav)
    known, left_open = WavFile(tmp_path / "v.wav"), WavFile(tmp_path / "open.wav")
    assert left_open.samples == known.samples == 16000
    for start, stop in ((-3, 40), (7000, 7100), (15990, 16003)):
        np.testing.assert_array_equal(left_open.read(start, stop), known.read(start, stop))


def test_voices_are_placed_after_or_beside_each_other() -> None:
    one, two = Sound(np.ones(3)), Sound(np.full(5, 2.0))

    def placed(voices: list, gains: list, mode: str) -> list:
        return [list(signal.read(0, signal.samples)) for signal in place_voices(voices, gains, mode)]

    assert placed([one, two], [1, 1], "add") == [[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 2, 2, 2, 2, 2]]
    assert placed([one, two], [3, 1], "para") == [[3, 3, 3, 0, 0], [2, 2, 2, 2, 2]]
    assert placed([one], [0.5], "add") == [[0.5, 0.5, 0.5]]


def test_an_embedding_is_kept_in_a_file_that_ends_with_it(tmp_path: Path) -> None:
    rows = torch.randn(50, 2, 3)
    kept = Embedding(tmp_path, rows.split(7), "voice 1", lambda: None)
    assert not list(tmp_path.iterdir())
    assert len(kept) == 50
    assert torch.equal(kept[3:9], rows[3:9])
    for start, frames in ((0, 13), (20, 13), (40, 25), (45, 81)):
        assert torch.equal(chunk_windows(kept, start, frames), chunk_windows(rows, start, frames))


def test_features_that_are_not_finite_are_told_with_their_frame(tmp_path: Path) -> None:
    rows = torch.zeros(50, 2, 3)
    rows[17, 1, 2] = float("inf")
    with pytest.raises(OrderRejected, match="voice 2 gives features that are not finite, from frame 17 on"):
        Embedding(tmp_path, rows.split(7), "voice 2", lambda: None)


def test_windows_beyond_the_sound_repeat_its_end_in_a_single_chunk_and_mirror_it_in_a_later_one() -> None:
    embedding = torch.arange(6.0).view(6, 1, 1)
    assert chunk_windows(embedding, 0, 9)[:, :, 0, 0].tolist()[-1] == [5, 5, 5, 5, 5]
    assert chunk_windows(embedding, 0, 9)[:, :, 0, 0].tolist()[0] == [0, 0, 0, 1, 2]
    assert chunk_windows(embedding, 2, 5)[:, 2, 0, 0].tolist() == [2, 3, 4, 5, 5]
    assert chunk_windows(embedding, 4, 5)[:, :, 0, 0].tolist()[-1] == [5, 4, 3, 2, 1]
