"""From an image to the people in it: network input, maps (of several sizes and the mirror image), decoding.

`load_detector` is the way in for other programs: one call from a checkpoint to a function of images.
"""
import cv2
import mindspore as ms
import numpy as np
from mindspore import Tensor

from common.engine.graph_cache import Compiled
from openpose.src.config import MERGE, read_settings
from openpose.src.decode import Placement, decode
from openpose.src.fast_convolution import use_fast_convolutions
from openpose.src.network import LastStage, load_trained
from openpose.src.normalisation import PADDING, STRIDE, normalise

BUCKET = 64  # padded sides are multiples of this, so that few sizes of input have to be compiled
LONGEST = 8  # longer side of the network input relative to the shorter: strips would take memory and time without end


class PeopleDetector:
    """A trained network ready for use.

    Args:
        network (OpenPose): with its weights, in evaluation mode.
        config (Config): how people are looked for, and the normalisation that the weights were trained with.
        skeleton (Skeleton): joints and limbs.
    """

    def __init__(self, network, config, skeleton):
        last = Compiled(LastStage(network).set_train(False))
        self.network = lambda array: [output.asnumpy() for output in last(Tensor(array))]
        self.config, self.skeleton = config, skeleton

    def __call__(self, image):
        """Image (H, W, 3) uint8, blue first, to `DecodedPeople` in its pixels."""
        return people_of(*self.maps(image), self.config, self.skeleton)

    def maps(self, image):
        """Heat maps (J+1, h, w), fields (2L, h, w), and the Placement that tells where the image lies in them."""
        config, results = self.config, []
        for scale in config.inference_scales:
            prepared, frame = prepare(image, round(config.inference_img_size * scale), config.stretch)
            values = normalise(prepared, config.normalisation)
            batch = np.stack((values, values[..., ::-1])) if config.flip_test else values[None]
            paf, heat = self.network(np.ascontiguousarray(batch))
            heat, paf = average_mirror(heat, paf, self.skeleton) if config.flip_test else (heat[0], paf[0])
            results.append((heat, paf, frame))
        if len(results) == 1:
            return results[0]
        # The finest maps say how the others are resampled.
        heat, paf, frame = max(results, key=lambda result: result[2].inner)
        heats = [resample(other, of.inner, frame.inner, heat.shape[1:]) for other, _, of in results]
        pafs = [resample(other, of.inner, frame.inner, paf.shape[1:]) for _, other, of in results]
        return np.mean(heats, 0), np.mean(pafs, 0), frame


def people_of(heat, paf, frame, config, skeleton):
    """The strongest `DecodedPeople` of the maps of an image, decoded as the settings say."""
    people = decode(heat, paf, frame, config.decoder, skeleton, MERGE[config.merge_halves])
    return people.strongest(config.number_people_max)


def prepare(image, size, stretch=False):
    """Resize an image for the network.

    Args:
        image (array): (H, W, 3) uint8.
        size (int): length of its shorter side afterwards, rounded up to a multiple of 8; less where the longer one
            would be more than `LONGEST` times that.
        stretch (bool): stretch the longer side to a multiple of 8 as the MindSpore 1.x implementation does; else keep
            the proportions and pad right and below.

    Returns:
        tuple: image (h, w, 3) uint8 with sides that are multiples of 8, and its Placement.
    """
    height, width = image.shape[:2]
    size = -(-size // STRIDE) * STRIDE
    scale = min(size / min(height, width), LONGEST * size / max(height, width))
    inner = tuple(max(1, round(side * scale)) for side in (height, width))
    if stretch:
        inner = tuple(-(-side // STRIDE) * STRIDE for side in inner)
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, inner[::-1], interpolation=method)
    padding = [0 if side % STRIDE == 0 and (stretch or side == size) else -side % BUCKET for side in inner]
    resized = cv2.copyMakeBorder(resized, 0, padding[0], 0, padding[1], cv2.BORDER_CONSTANT, value=(PADDING,) * 3)
    return resized, Placement((height, width), inner)


def average_mirror(heat, paf, skeleton):
    """Mean maps (J+1, h, w) and (2L, h, w) of an image and its mirror image, whose maps lie one after the other."""
    order, (limbs, signs) = skeleton.mirrored_joints(), skeleton.mirrored_limbs()
    turned_heat = heat[1][[*order, heat.shape[1] - 1]][..., ::-1]
    fields = paf[1].reshape(len(limbs), 2, *paf.shape[2:])[limbs][..., ::-1]
    # To the left is to the right in the mirror.
    turned_paf = (fields * signs[:, None, None, None] * np.array((-1, 1))[:, None, None]).reshape(paf[1].shape)
    return (heat[0] + turned_heat) / 2, ((paf[0] + turned_paf) / 2).astype(np.float32)


def resample(maps, inner, target_inner, shape):
    """Maps (C, h, w) of an image resized to `inner` pixels, on the grid of one resized to `target_inner` pixels.

    Args:
        inner, target_inner (tuple): height and width of the resized images.
        shape (tuple): cells (rows, columns) of the result.
    """
    ratio = np.array((inner[1] / target_inner[1], inner[0] / target_inner[0]))
    # Both grids begin at the corner of the image: cell + 0.5 = ratio * (target cell + 0.5).
    matrix = np.column_stack((np.diag(ratio), ratio / 2 - 0.5))
    return np.stack([cv2.warpAffine(channel, matrix, shape[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                                    borderMode=cv2.BORDER_REPLICATE) for channel in maps])


def build_detector(network, config, skeleton):
    """From images to people, as the settings say. On CPU the network is changed, see `use_fast_convolutions`."""
    if ms.get_context("device_target") == "CPU":
        network = use_fast_convolutions(network)
    return PeopleDetector(network, config, skeleton)


def load_detector(ckpt_file):
    """The `PeopleDetector` of a checkpoint, with the settings that it suggests; None for an empty path."""
    if not ckpt_file:
        return None
    network, config, skeleton, _ = load_trained(read_settings(["--ckpt_file", ckpt_file]), "--openpose_ckpt")
    return build_detector(network, config, skeleton)
