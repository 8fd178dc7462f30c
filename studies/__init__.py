"""Tables of recipes for study.py, and what docs/transfer-study.md stands on."""
