"""From whatever the user has to a Dataset: labelled pictures in splits that don't leak."""
