"""Networks trained in epochs. The only folder, with `keras_runtime`, that imports Keras and TensorFlow."""
