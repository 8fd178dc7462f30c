"""One training, from settings to records."""
