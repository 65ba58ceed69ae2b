"""The joints and limbs that a network is trained for, and the order in which the decoder joins them.

Source of the built-in table: the COCO model of CMU OpenPose, 18 joints (COCO's 17 and the neck) and 19 limbs. Own
skeletons come from a yaml file:

    category: person                       # name of the category in the annotation file; optional
    joints: [nose, neck, left_eye, ...]    # order of the heat maps; names of the category's keypoints
    limbs: [[neck, nose], [nose, left_eye], ...]    # order of the fields, each from its first joint to its second
    means: {neck: [left_shoulder, right_shoulder]}  # joints midway between annotated ones; optional
    sigmas: {nose: 0.026, ...}             # spread per joint for COCO's measure; optional, default 0.05
    flip_pairs: [[paw_1, paw_2], ...]      # joints that change places in a mirrored image; needed only where their
                                           # names do not tell left from right, [] where none do

Joints are found by their names in any usual spelling: `right_ankle` is also "Right-ankle" or "RAnkle" of a file.
"""
import logging
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.data.readers.coco import read_annotations
from common.errors import UserError, counted
from common.joints import SKELETONS, flip_pairs, index_map, joint_name, side
from common.text_files import read_yaml

LOGGER = logging.getLogger("mindhuman")
DEFAULT_SIGMA = 0.05  # OKS spread of joints of which nothing is known
COCO_SIGMAS = (.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089)
YAML_KEYS = {"category", "flip_pairs", "joints", "limbs", "means", "sigmas"}


@dataclass(frozen=True)
class Skeleton:
    """J joints and L limbs.

    Args:
        joints (tuple[str]): names in the order of the heat maps.
        limbs (tuple): (first, second) joint numbers in the order of the fields.
        means (dict): joint -> names of the annotated joints that it lies midway between.
        sigmas (dict): joint -> OKS spread.
        category (str): of the annotations.
        growth (tuple): limb numbers in the order in which the classic decoders join them; empty for the fields' order.
        bridges (tuple): numbers of limbs that connect a person without being part of its tree (shoulder to ear).
        pairs (tuple): joint numbers that change places in a mirrored image; None: as the names say.
    """

    joints: tuple
    limbs: tuple
    means: dict = field(default_factory=dict)
    sigmas: dict = field(default_factory=dict)
    category: str = "person"
    growth: tuple = ()
    bridges: tuple = ()
    pairs: tuple = None

    def counted(self, count):
        """How many of the category, for log lines."""
        if self.category != "person":
            return f"{count} of the category {self.category}"
        return counted(count, "person", "people")

    def sigma_array(self, names):
        """OKS spreads (K,) of the joints `names`."""
        known = {joint_name(name): sigma for name, sigma in self.sigmas.items()}
        return np.array([known.get(joint_name(name), DEFAULT_SIGMA) for name in names])

    def mirrored_joints(self):
        """(J,) int: which joint each one becomes when the image is mirrored."""
        order = np.arange(len(self.joints))
        for left, right in flip_pairs(self.joints) if self.pairs is None else self.pairs:
            order[[left, right]] = right, left
        return order

    def mirrored_limbs(self):
        """Which limb each one becomes in the mirror: limb numbers (L,) and signs (L,), -1 where the ends change."""
        order = self.mirrored_joints()
        numbers, signs = [], []
        for first, second in self.limbs:
            pair = (int(order[first]), int(order[second]))
            forward = pair in self.limbs
            numbers.append(self.limbs.index(pair if forward else pair[::-1]))
            signs.append(1 if forward else -1)
        return np.array(numbers), np.array(signs)

    def from_annotations(self, keypoints, names):
        """Annotated keypoints to the joints of this skeleton.

        A joint of `means` is there when all joints that it is made of are. The MindSpore 1.x implementation cuts the
        neck to whole pixels; here it keeps its half pixel.

        Args:
            keypoints (array): (P, K, 3), x and y in pixels and COCO's visibility (0 is not labelled).
            names (sequence of str): (K,) names of the keypoints.

        Returns:
            numpy.ndarray: (P, J, 3) float64; the third column is 2 for visible, 1 for hidden, 0 for absent joints.
        """
        keypoints = np.asarray(keypoints, np.float64).reshape(-1, len(names), 3)
        names = [joint_name(name) for name in names]
        out = np.zeros((len(keypoints), len(self.joints), 3))
        for number, joint in enumerate(self.joints):
            if joint_name(joint) in names:
                out[:, number] = keypoints[:, names.index(joint_name(joint))]
                continue
            parts = keypoints[:, [names.index(joint_name(part)) for part in self.means[joint]]]
            there = (parts[..., 2] > 0).all(1)
            out[there, number, :2] = parts[there, :, :2].mean(1)
            out[there, number, 2] = 2
        return out

    def annotation_order(self, names):
        """Where each annotated keypoint stands among the joints: (K,) int."""
        return index_map(*([joint_name(name) for name in joints] for joints in (self.joints, names)))

    def read_annotations(self, path):
        """The people of an annotation file whose keypoints make the joints, `common.data.readers.coco.Annotations`."""
        annotations = read_annotations(path, self.category)
        self.check_names(annotations.names, path)
        return annotations

    def check_names(self, names, source):
        """Refuse an annotation file whose keypoints cannot make the joints, or are more than the joints."""
        there, known = ({joint_name(name) for name in joints} for joints in (names, self.joints))
        missing = [joint for joint in self.joints if joint_name(joint) not in there
                   and not {joint_name(part) for part in self.means.get(joint, (joint,))} <= there]
        if missing:
            raise UserError(f"{source} has no keypoints for {', '.join(missing)} (category {self.category}: "
                            f"{', '.join(names)}): give a skeleton that fits with --skeleton")
        surplus = [name for name in names if joint_name(name) not in known]
        if surplus:
            raise UserError(f"{source} has the keypoints {', '.join(surplus)}, which the skeleton lacks: add them to "
                            "the yaml file of --skeleton")


COCO_18 = Skeleton(
    joints=SKELETONS["openpose_18"],
    limbs=((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 2), (2, 3), (3, 4), (2, 16), (1, 5), (5, 6),
           (6, 7), (5, 17), (1, 0), (0, 14), (0, 15), (14, 16), (15, 17)),
    means={"neck": ("left_shoulder", "right_shoulder")},
    sigmas=dict(zip(SKELETONS["coco_17"], COCO_SIGMAS)),
    growth=(6, 10, 7, 8, 11, 12, 0, 1, 2, 3, 4, 5, 14, 15, 17, 16, 18, 9, 13),
    bridges=(9, 13))


def load_skeleton(path):
    """The skeleton of a yaml file; an empty path gives `COCO_18`.

    Raises:
        UserError: the file is missing, no yaml, or describes no skeleton.
    """
    if not path:
        return COCO_18
    skeleton = parse_skeleton(read_yaml(path, f"--skeleton {path}"), path)
    order, names = skeleton.mirrored_joints(), skeleton.joints
    pairs = [f"{names[one]} with {names[other]}" for one, other in enumerate(order) if one < other]
    LOGGER.info("--skeleton %s: %s in mirrored images", path,
                f"{', '.join(pairs)} change places" if pairs else "no joints change places")
    return skeleton


def parse_skeleton(content, source):
    """A skeleton from plain dicts and lists, see the module's text.

    Raises:
        UserError: an entry that is missing, unknown or does not fit; `source` is named.
    """
    def refuse(reason):
        raise UserError(f"--skeleton {source}: {reason}")

    if not isinstance(content, dict) or not content.get("joints") or not content.get("limbs"):
        refuse("it needs the lists `joints` and `limbs`")
    unknown = set(content) - YAML_KEYS
    if unknown:
        refuse(f"unknown entry {', '.join(sorted(map(str, unknown)))}; there are {', '.join(sorted(YAML_KEYS))}")
    joints = tuple(map(str, content["joints"]))
    if len(set(joints)) < len(joints):
        refuse("a joint stands twice in `joints`")
    limbs = []
    for pair in content["limbs"]:
        if not isinstance(pair, list) or len(pair) != 2 or not {*map(str, pair)} <= {*joints} or pair[0] == pair[1]:
            refuse(f"the limb {pair} is no pair of two joints")
        limbs.append((joints.index(str(pair[0])), joints.index(str(pair[1]))))
    means, sigmas = content.get("means") or {}, content.get("sigmas") or {}
    if not isinstance(means, dict) or not all(isinstance(parts, list) and parts for parts in means.values()):
        refuse("`means` maps a joint to a list of joints")
    if not isinstance(sigmas, dict) or not all(isinstance(s, (int, float)) and s > 0 for s in sigmas.values()):
        refuse("`sigmas` maps a joint to a positive number")
    graph = coo_array((np.ones(len(limbs)), tuple(zip(*limbs))), [len(joints)] * 2)
    _, part = connected_components(graph, directed=False)
    loose = np.flatnonzero(part != part[0])
    if len(loose):
        more = f" and {len(loose) - 5} more" if len(loose) > 5 else ""
        refuse(f"its limbs do not connect {', '.join(joints[number] for number in loose[:5])}{more} with {joints[0]}, "
               "so people would fall apart: add limbs")
    skeleton = Skeleton(joints, tuple(limbs), {name: tuple(parts) for name, parts in means.items()}, sigmas,
                        str(content.get("category", "person")), pairs=_pairs(content.get("flip_pairs"), joints, refuse))
    try:
        skeleton.mirrored_limbs()
    except ValueError:
        refuse("a limb has no counterpart on the other side, so images cannot be mirrored")
    return skeleton


def describe_skeleton(skeleton):
    """Plain dicts and lists that a checkpoint keeps, for `parse_skeleton`; None for the built-in one."""
    if skeleton == COCO_18:
        return None
    names, pairs = skeleton.joints, skeleton.pairs
    return {"category": skeleton.category, "joints": list(names), "sigmas": dict(skeleton.sigmas),
            "limbs": [[names[first], names[second]] for first, second in skeleton.limbs],
            "means": {joint: list(parts) for joint, parts in skeleton.means.items()},
            **({} if pairs is None else {"flip_pairs": [[names[one], names[other]] for one, other in pairs]})}


def _pairs(given, joints, refuse):
    """Joint numbers of `flip_pairs`; None where the names of the joints tell their sides."""
    if given is None:
        known = {joint_name(name) for name in joints}
        sides = [(name, side(name)) for name in joints if side(name) != "middle"]
        for name, here in sides:
            other = {"left": "right", "right": "left"}[here]
            if other + joint_name(name).removeprefix(here) not in known:
                refuse(f"{name} has no {other} counterpart, so images cannot be mirrored: list the joints that change "
                       "places in `flip_pairs`")
        if not sides:
            refuse("no joint is called left or right: list the joints that change places in mirrored images in "
                   "`flip_pairs`, such as [[paw_1, paw_2]], or write `flip_pairs: []` if none do")
        return None
    if not isinstance(given, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in given):
        refuse("`flip_pairs` is a list of pairs of joints")
    names = [str(name) for pair in given for name in pair]
    if not {*names} <= {*joints} or len({*names}) < len(names):
        refuse("`flip_pairs` names each joint that changes places once, as in `joints`")
    return tuple((joints.index(str(one)), joints.index(str(other))) for one, other in given)
