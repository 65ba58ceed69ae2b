"""Heat maps and affinity fields to people: peaks, supported limbs, grouping.

Three conventions are here. `default` is this project's: it reads the maps as the network gives them, refines the
peaks by a fit and joins the best limbs first. `cmu` follows the classic Python decoder of the CMU model and `port` that
of the MindSpore 1.x implementation, in what they find, not in how: the maps are not enlarged for reading the fields,
and all pairs of candidates are looked at together.
"""
from dataclasses import dataclass

import numpy as np

from openpose.src.grouping import join_best_first, join_doubles, join_fragments, join_in_order, one_to_one
from openpose.src.limbs import LinearSampler, PixelSampler, supported, with_near_pairs
from openpose.src.normalisation import STRIDE
from openpose.src.peaks import enlarged_peaks, enlarging_matrix, refined_peaks, smoothing_matrix
from openpose.src.skeleton import COCO_18

MOST_CANDIDATES = 127  # per joint, as CMU's program; bounds the cost on maps of noise
NEAR = 8.0  # pixels of the network input, a cell: joints of a limb that short are joined without a field by `default`
NEAR_HEIGHT = 0.3  # of both of their peaks
# Where on a limb its field is read, see `supported`: those between the middle and the ends decide most pairs.
POSITIONS = np.linspace(0, 1, 10)[[3, 6, 7, 2, 4, 5, 8, 1, 0, 9]]


@dataclass(frozen=True)
class DecoderSettings:
    """Figures of a decoder.

    peak_threshold: least height of a peak. least: support at how many of `POSITIONS`. prior: limbs longer than this
    share of the side named by `prior_side` lose score. min_joints, min_score: people with fewer joints, or a smaller
    mean score per joint, are left out.
    cubic, sigma, strict, smooth_score: of the maps that are enlarged, see `enlarged_peaks`.
    """

    peak_threshold: float
    least: int
    prior: float
    prior_side: str
    min_joints: int
    min_score: float
    sigma: float = 0.0
    cubic: bool = True
    strict: bool = False
    smooth_score: bool = False


CONVENTIONS = {
    "default": DecoderSettings(0.05, 8, 0.5, "height", 3, 0.2),
    "cmu": DecoderSettings(0.1, 9, 0.5, "height", 4, 0.4, sigma=3.0),
    "port": DecoderSettings(0.05, 9, 1.0, "width", 3, 0.2, sigma=2.5, cubic=False, strict=True, smooth_score=True),
}


@dataclass(frozen=True)
class DecodedPeople:
    """What was found in one image.

    joints (P, J, 3) float64: x, y in pixels of the image (centre of the first pixel at (0, 0)) and the height of the
    peak in [0, 1]; zeros where a joint is missing. scores (P,) float64: sum over joints and limbs in `cmu` and
    `port`; in `default` the same divided by the number of joints and limbs of the skeleton, so that it lies in [0, 1]
    and complete people come first. Sorted by score, the best first, in `default`.
    """

    joints: np.ndarray
    scores: np.ndarray

    def __len__(self):
        return len(self.scores)

    def strongest(self, most):
        """The `most` people of the highest scores; all for 0."""
        if not most or len(self) <= most:
            return self
        chosen = np.sort(np.argsort(-self.scores, kind="stable")[:most])
        return DecodedPeople(self.joints[chosen], self.scores[chosen])


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the network input, in pixels.

    image (height, width) of the image; inner (height, width) that it was resized to; the network input may reach
    beyond `inner` to the right and below.
    """

    image: tuple
    inner: tuple

    def to_image(self, x, y):
        """Pixels of the network input to pixels of the image."""
        return ((x + 0.5) * (self.image[1] / self.inner[1]) - 0.5, (y + 0.5) * (self.image[0] / self.inner[0]) - 0.5)


def decode(heat, paf, frame=None, decoder="default", skeleton=COCO_18, merge_halves=None):
    """`DecodedPeople` from the maps of one image.

    Args:
        heat (array): (J+1, h, w) or (J, h, w) heat maps; the background is not looked at.
        paf (array): (2L, h, w) affinity fields.
        frame (Placement): None when the network input is the image.
        decoder (str): a name of `CONVENTIONS`.
        skeleton (Skeleton): J joints and L limbs.
        merge_halves (bool): join parts of one person, see `join_doubles` and `join_fragments`; None for what the
            decoder does by itself: `default` joins, the published ones do not.

    Raises:
        ValueError: maps that do not fit each other or the skeleton.
    """
    heat, paf = _checked(heat, paf, skeleton)
    convention = CONVENTIONS[decoder]
    network = heat.shape[1] * STRIDE, heat.shape[2] * STRIDE
    frame = frame or Placement(network, network)
    if decoder == "default":
        peaks = refined_peaks(heat, convention.peak_threshold, MOST_CANDIDATES)
        sampler, size = LinearSampler(paf), frame.inner
    else:  # `cmu` works on maps of the size of the image, `port` of that of the network input
        inner, size = (frame.inner, frame.image) if decoder == "cmu" else (network, network)
        peaks, sampler = _enlarged(heat, paf, convention, inner, size)
    prior = convention.prior * size[0 if convention.prior_side == "height" else 1]
    connections = supported(sampler, peaks, skeleton.limbs, POSITIONS, convention.least, prior)
    people = _group(connections, peaks, skeleton, decoder)
    if merge_halves or (merge_halves is None and decoder == "default"):
        people = join_fragments(join_doubles(people, peaks, skeleton), peaks, skeleton)
    people = [person for person in people if len(person.joints) >= convention.min_joints
              and person.score >= convention.min_score * len(person.joints)]
    return _arranged(people, peaks, skeleton, frame, decoder)


def _checked(heat, paf, skeleton):
    heat, paf = np.asarray(heat, np.float32), np.asarray(paf, np.float32)
    num_joints = len(skeleton.joints)
    if heat.ndim != 3 or heat.shape[0] not in (num_joints, num_joints + 1):
        raise ValueError(f"heat maps are {heat.shape}, the skeleton has {num_joints} joints")
    if paf.shape != (2 * len(skeleton.limbs), *heat.shape[1:]):
        raise ValueError(f"fields are {paf.shape}, expected {(2 * len(skeleton.limbs), *heat.shape[1:])}")
    return heat[:num_joints], paf


def _enlarged(heat, paf, convention, inner, size):
    """Candidates and sampler of the fields, in pixels of maps whose part `inner` is resized to `size`."""
    plans = [(heat.shape[axis + 1], inner[axis], size[axis], convention.cubic) for axis in (0, 1)]
    matrices = [enlarging_matrix(*plan) for plan in plans]
    smooth = [smoothing_matrix(*plan, convention.sigma) for plan in plans]
    peaks = enlarged_peaks(heat, *matrices, *smooth, convention.peak_threshold, convention.strict,
                           convention.smooth_score, MOST_CANDIDATES)
    return peaks, PixelSampler(paf, *matrices)


def _group(connections, peaks, skeleton, decoder):
    if decoder == "default":
        return join_best_first(with_near_pairs(connections, peaks, skeleton.limbs, NEAR, NEAR_HEIGHT), peaks,
                               skeleton.limbs)
    limbs = range(len(skeleton.limbs))
    return join_in_order(one_to_one(connections), peaks, skeleton.limbs,
                         (decoder == "cmu" and skeleton.growth) or limbs, {*limbs} - {*skeleton.bridges},
                         fill_free=decoder == "port")


def _arranged(people, peaks, skeleton, frame, decoder):
    """Candidates of each person to an array of joints, in pixels of the image."""
    joints = np.zeros((len(people), len(skeleton.joints), 3))
    scores = np.array([person.score for person in people], np.float64)
    for row, person in zip(joints, people):
        numbers, candidates = list(person.joints), list(person.joints.values())
        row[numbers] = np.stack((peaks.x[candidates], peaks.y[candidates], peaks.score[candidates]), 1)
    if decoder != "cmu":
        there = joints[..., 2] > 0
        for axis, values in enumerate(frame.to_image(joints[..., 0], joints[..., 1])):
            joints[..., axis] = np.clip(values, 0, frame.image[1 - axis] - 1) * there
    if decoder == "default":
        scores = scores / (len(skeleton.joints) + len(skeleton.limbs))
        order = np.argsort(-scores, kind="stable")
        joints, scores = joints[order], scores[order]
    return DecodedPeople(joints, scores)
