"""The network and what it sees, as plain Keras."""
