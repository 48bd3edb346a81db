"""What is written to disk, when, and what is read from there at the start."""
