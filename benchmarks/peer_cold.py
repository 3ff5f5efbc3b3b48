"""The least that one prediction takes from nothing: `python benchmarks/peer_cold.py MODEL SIZE PICTURE`."""

import sys

import numpy
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
pixels = numpy.asarray(Image.open(sys.argv[3]).convert("RGB").resize((int(sys.argv[2]),) * 2))
print(session.run(["probabilities"], {"pictures": pixels[None]}))
