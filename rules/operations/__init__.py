"""Single TensorFlow operations as calls of `keras.ops`, by family."""

from porter.rules.operations import arithmetic as arithmetic
from porter.rules.operations import bits as bits
from porter.rules.operations import casting as casting
from porter.rules.operations import cells as cells
from porter.rules.operations import comparison as comparison
from porter.rules.operations import decoding as decoding
from porter.rules.operations import detection as detection
from porter.rules.operations import images as images
from porter.rules.operations import indexing as indexing
from porter.rules.operations import linear_algebra as linear_algebra
from porter.rules.operations import loops as loops
from porter.rules.operations import losses as losses
from porter.rules.operations import matrix as matrix
from porter.rules.operations import morphology as morphology
from porter.rules.operations import patches as patches
from porter.rules.operations import quantization as quantization
from porter.rules.operations import rearrangement as rearrangement
from porter.rules.operations import reductions as reductions
from porter.rules.operations import segments as segments
from porter.rules.operations import shapes as shapes
from porter.rules.operations import signal as signal
from porter.rules.operations import sorting as sorting
from porter.rules.operations import sparse as sparse
from porter.rules.operations import special as special
from porter.rules.operations import strings as strings
