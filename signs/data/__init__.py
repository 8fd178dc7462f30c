"""Which clips there are, who signs in them, which split they are in."""
