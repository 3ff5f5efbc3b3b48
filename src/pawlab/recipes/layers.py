"""The layers that recipes are made of: one function a kind. Options carry Keras's names where Keras has the layer."""

from pawlab.recipes.recipe import Layer


def backbone(name: str) -> Layer:
    """Frozen pretrained network, in inference mode, its input scaling included: pixels 0-255 -> feature map."""
    return Layer("backbone", {"name": name})


def global_average_pool() -> Layer:
    """(h, w, channels) -> (channels,): the mean over all positions."""
    return Layer("global_average_pool")


def standardise() -> Layer:
    """Subtract each feature's training mean, divide by its training standard deviation."""
    return Layer("standardise")


def logistic_regression() -> Layer:
    """One logit a class: weights by maximum likelihood with an L2 penalty, fitted in one go."""
    return Layer("logistic_regression")
