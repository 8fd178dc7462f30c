"""Many trainings, compared on the same folds."""
