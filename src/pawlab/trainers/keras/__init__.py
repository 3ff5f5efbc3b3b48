"""Networks trained in epochs, with Keras on TensorFlow."""
