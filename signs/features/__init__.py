"""From pictures to vectors on disk."""
