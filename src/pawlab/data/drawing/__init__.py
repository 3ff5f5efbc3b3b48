"""Draws pictures of cats and dogs: solids strung from balls, lit, coated with fur, set in a scene, seen by a camera."""
