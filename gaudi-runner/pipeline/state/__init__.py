"""What a render leaves on the disk, and how it is taken up again: the same bytes as without a stop."""
