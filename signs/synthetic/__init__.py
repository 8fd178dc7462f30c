"""Stand-in data: people who are drawn."""
