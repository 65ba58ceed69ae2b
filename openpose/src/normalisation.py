"""What the network is fed with: pixels in the order and scale that its weights were trained with.

The scale belongs to the weights: it is written into the checkpoint and read from there, since the wrong one costs
accuracy without any error. Sources: CMU's program divides by 256 and subtracts one half; the MindSpore 1.x
implementation divides by 255; networks trained by tensorboy's code from an ImageNet backbone use mean and deviation.
"""
import numpy as np

from common.errors import UserError, brief

# name -> (channels are blue, green, red; divisor; subtracted; divided by), the last two in the order of the channels.
_TABLE = {
    "cmu": (True, 256.0, 0.5, 1.0),
    "port": (True, 255.0, 0.5, 1.0),
    "imagenet": (False, 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
NORMALISATIONS = tuple(_TABLE)
STRIDE = 8  # pixels of the network input per cell of the maps
PADDING = 128  # grey that fills what lies beside the image; 0 after CMU's normalisation


def check_normalisation(name):
    """Refuse an unknown name."""
    if name not in NORMALISATIONS:  # files may hold lists here, which no dictionary can look up
        said = name if isinstance(name, str) else brief(name)
        raise UserError(f"--normalisation {said}: choose one of {', '.join(NORMALISATIONS)}")


def describe_normalisation(name):
    """What the file beside an exported network says of a normalisation: dict of `channels`, `value` and its numbers."""
    bgr, divisor, mean, deviation = _TABLE[name]
    return {"normalisation": name, "channels": "blue, green, red" if bgr else "red, green, blue",
            "value": "(pixel / divisor - mean) / std", "divisor": divisor,
            "mean": np.broadcast_to(mean, 3).tolist(), "std": np.broadcast_to(deviation, 3).tolist()}


def normalise(image, name):
    """Pixels (..., H, W, 3) uint8, blue first as OpenCV reads them, to network input (..., 3, H, W) float32."""
    check_normalisation(name)
    bgr, divisor, mean, deviation = _TABLE[name]
    values = (image if bgr else image[..., ::-1]).astype(np.float32) / np.float32(divisor)
    values = (values - np.asarray(mean, np.float32)) / np.asarray(deviation, np.float32)
    return np.ascontiguousarray(np.moveaxis(values, -1, -3))
