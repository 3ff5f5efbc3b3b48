"""From whatever people have to a Dataset: labelled pictures in splits that don't leak."""
