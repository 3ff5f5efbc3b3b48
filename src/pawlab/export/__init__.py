"""The classifier in other forms: Keras, SavedModel and TensorFlow Lite, each checked on pictures against model.onnx."""
