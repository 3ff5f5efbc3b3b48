"""A face: the inside of the ears, the eyes, the muzzle."""

from pawlab.data.drawing.ears import paint_inner_ear
from pawlab.data.drawing.eyes import paint_eye
from pawlab.data.drawing.muzzle import paint_cat_muzzle, paint_dog_muzzle
from pawlab.data.drawing.on_face import Face

_AWAY = -0.3  # of the face's direction towards us: with less, only the back of the head is seen


def paint_face(face: Face) -> None:
    """Paint a face onto a head that was painted before, unless the head is turned away."""
    if face.view.turn[2, 2] < _AWAY:
        return
    for side in (-1, 1):
        paint_inner_ear(face, side)
    for side in (-1, 1):
        paint_eye(face, side)
    if face.animal.kind == "cats":
        paint_cat_muzzle(face)
    else:
        paint_dog_muzzle(face)
