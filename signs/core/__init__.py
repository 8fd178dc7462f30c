"""What every step needs; knows nothing of clips."""
