"""The layouts that folders of videos come in: one file a layout."""
