"""Any picture file -> upright RGB pixels: which files can be read, how deep they are, and THE decoder."""

from pawlab.images.decoder import DECODER_VERSION as DECODER_VERSION
from pawlab.images.decoder import MAX_BYTES as MAX_BYTES
from pawlab.images.decoder import MAX_PIXELS as MAX_PIXELS
from pawlab.images.decoder import Interpolation as Interpolation
from pawlab.images.decoder import PictureInfo as PictureInfo
from pawlab.images.decoder import Pinned as Pinned
from pawlab.images.decoder import Pixels as Pixels
from pawlab.images.decoder import Preprocess as Preprocess
from pawlab.images.decoder import ResizeMode as ResizeMode
from pawlab.images.decoder import Source as Source
from pawlab.images.decoder import decode as decode
from pawlab.images.decoder import gray_thumbnail as gray_thumbnail
from pawlab.images.decoder import inspect as inspect
from pawlab.images.decoder import read as read
from pawlab.images.decoder import read_file as read_file
from pawlab.images.decoder import read_small as read_small
from pawlab.images.depth import Range as Range
from pawlab.images.formats import extensions as extensions
from pawlab.images.formats import is_picture_name as is_picture_name
from pawlab.images.formats import looks_like_picture as looks_like_picture
