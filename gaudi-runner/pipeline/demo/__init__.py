"""The engine without weights: the same loop, ranks and collectives, and a picture that talks by being warped."""
