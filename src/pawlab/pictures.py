"""The former name of `pawlab.images`; it works for one more version."""

import warnings

from pawlab.images import *  # noqa: F403

warnings.warn("pawlab.pictures is now pawlab.images", DeprecationWarning, stacklevel=2)
