"""Voices: from WAV files to the features that each frame is rendered from."""
