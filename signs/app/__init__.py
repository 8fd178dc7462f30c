"""The page on which people film, train and try their own signs."""
