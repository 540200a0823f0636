"""Text, picture, sound and latents, by maintained libraries, on the published weights: called on rank 0 only."""
