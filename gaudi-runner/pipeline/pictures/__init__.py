"""Pictures: from the reference to frames and masks, and from frames to a segment."""
