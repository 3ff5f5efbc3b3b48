"""What is wrong with a data set: checks of its files, pictures and splits."""
