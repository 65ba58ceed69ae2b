"""Where the people in a picture are: told by boxes, by OpenPose's files, found by a detector, or the picture is one.

A way of finding is called with the name and the pixels of a picture and gives a list of `Found`. What crop a network
gets of somebody is its own affair: published models differ in that.
"""
import glob
import logging
import os
from dataclasses import dataclass

import numpy as np

from common.data.crops import box_of_detections
from common.data.image import SCALE_PX
from common.errors import UserError
from common.text_files import read_json

LOGGER = logging.getLogger("mindhuman")
SURE = 0.2  # joints with a higher score count, as in the demos of HMR, SPIN and GraphCMR
LEAST_JOINTS = 6  # sure joints that make a person, as in the training data of HMR: less does not tell a pose
LEAST_EXTENT_PX = 8.0  # of people; smaller ones are specks
LARGEST = 10.0  # sides of a picture that a box may be long
KEYPOINT_FILE = "_keypoints.json"
# Members of a person in OpenPose's files, of version 1.1 and later and of the first one.
KEYPOINT_KEYS = ("pose_keypoints_2d", "pose_keypoints")


@dataclass(frozen=True)
class Found:
    """Somebody in a picture; pixels of the picture.

    Args:
        box (array): (4,), left, top, width, height; where there are joints, around the sure ones.
        joints (array): (J, 3), x, y and score, or None where only a box is known.
        score (float): of the detection, or None.
        number (int): who it is in a film, or None where that is not known.
        whole (bool): nothing is known: the box is the picture.
    """

    box: np.ndarray
    joints: np.ndarray = None
    score: float = None
    number: int = None
    whole: bool = False


def choose_people(bbox="", keypoints_json="", finder=None):
    """The way of finding people that the flags ask for.

    Args:
        bbox (str): `--bbox`, see `read_boxes`; empty for none.
        keypoints_json (str): `--keypoints_json`, see `KeypointFiles`; empty for none.
        finder (callable): `--openpose_ckpt`, see `Detector`; None for none.

    Returns:
        callable: (name, image (H, W, 3) uint8, blue first) -> list of Found.

    Raises:
        UserError: more than one is given, or one of them is unusable.
    """
    given = {"--bbox": bbox, "--keypoints_json": keypoints_json, "--openpose_ckpt": finder}
    given = [flag for flag, value in given.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} both say where people are: leave one of them out")
    if bbox:
        return GivenBoxes(read_boxes(bbox))
    if keypoints_json:
        return KeypointFiles(keypoints_json)
    if finder:
        return Detector(finder)
    LOGGER.info("Each picture is taken as one person, who fills it; --openpose_ckpt finds people, --bbox and "
                "--keypoints_json say where they are")
    return whole_picture


def square_around(found, margin=1.2):
    """GraphCMR's and SPIN's square around somebody: a box, or the whole picture, as it is, joints with a margin.

    Args:
        found (Found): the person.
        margin (float): side relative to the box of detected joints, which lie within the body.

    Returns:
        tuple: centre (2,), px, and scale, side / 200 px.
    """
    if found.joints is not None:
        return box_of_detections(found.joints[:, :2], found.joints[:, 2], SURE, margin)
    size = found.box[2:]
    # The published demos take the middle of a whole picture in whole pixels.
    return found.box[:2] + (size // 2 if found.whole else 0.5 * size), float(size.max() / SCALE_PX)


def whole_picture(name, image):
    """One person, who fills the picture.

    Raises:
        UserError: a picture that cannot show anybody.
    """
    height, width = image.shape[:2]
    if max(height, width) < LEAST_EXTENT_PX:
        raise UserError(f"{name} is {width} x {height} px, too small to show anybody: take a larger picture")
    return [Found(np.array([0.0, 0.0, width, height]), whole=True)]


class GivenBoxes:
    """The same boxes in every picture.

    Args:
        boxes (list): of (4,), left, top, width, height in pixels.
    """

    def __init__(self, boxes):
        self.boxes = boxes

    def __call__(self, *_):
        return [Found(box, number=number) for number, box in enumerate(self.boxes)]


def check_boxes(found, name, image):
    """Refuse people who cannot be in a picture.

    Args:
        found (list[Found]): the people.
        name (str): of the picture, for the error text.
        image (array): (H, W, 3).

    Raises:
        UserError: a box lies beside the picture, or is far larger.
    """
    height, width = image.shape[:2]
    for person in found:
        left, top, box_width, box_height = person.box
        beside = left >= width or top >= height or left + box_width <= 0 or top + box_height <= 0
        if beside or max(box_width, box_height) > LARGEST * max(height, width):
            raise UserError(f"the box {','.join(f'{value:g}' for value in person.box)} "
                            f"{'lies beside' if beside else 'is far larger than'} {name}, which is {width} x {height} "
                            "px: boxes are left,top,width,height, and boxes and keypoints are in pixels of the picture")


def read_boxes(text):
    """Boxes from `left,top,width,height`, several separated by `;`, or from a json file {"bbox": [...]}.

    The file is that of GraphCMR and SPIN; its list may hold several boxes.

    Returns:
        list: of (4,) float64.

    Raises:
        UserError: something else, or a box without extent.
    """
    if text.lower().endswith(".json"):
        content = read_json(text, f"--bbox {text}", "write or copy it again")
        values = content.get("bbox") if isinstance(content, dict) else None
        values = [values] if isinstance(values, list) and values and not isinstance(values[0], list) else values
    else:
        values = [part.split(",") for part in text.split(";") if part.strip()]
    try:
        boxes = [np.array([float(value) for value in box]) for box in values]
    except (TypeError, ValueError):
        boxes = []
    if not boxes or not all(len(box) == 4 and np.isfinite(box).all() and min(box[2:]) > 0
                            and max(box[2:]) >= LEAST_EXTENT_PX for box in boxes):
        raise UserError(f"--bbox {text}: write left,top,width,height in px (one side of {LEAST_EXTENT_PX:g} or more), "
                        'several boxes separated by \';\', or a json file {"bbox": [left, top, width, height]}')
    return boxes


class KeypointFiles:
    """People from OpenPose's json files.

    Args:
        path (str): one file for one picture, or a folder of `<picture>_keypoints.json`; for a film of
            `<film>_<frame number in twelve digits>_keypoints.json`, as OpenPose writes them.

    Raises:
        UserError: nothing is there, or there is no such file in the folder.
    """

    def __init__(self, path):
        if not os.path.exists(path):
            raise UserError(f"--keypoints_json {path} does not exist")
        self.path, self.seen = path, None
        if os.path.isdir(path) and not glob.glob(os.path.join(glob.escape(path), "*" + KEYPOINT_FILE)):
            raise UserError(f"--keypoints_json {path} holds no file that ends in {KEYPOINT_FILE}")

    def __call__(self, name, _):
        """Raises UserError for a file that is damaged, or that would have to do for a second picture."""
        if os.path.isfile(self.path):
            if self.seen not in (None, name):
                raise UserError(f"--keypoints_json {self.path} is one file for several pictures: name a folder of "
                                f"<picture>{KEYPOINT_FILE}")
            self.seen = name
            return read_keypoints(self.path)
        # OpenPose leaves out the ending where two pictures of a folder share a name but for it.
        for stem in (name, os.path.splitext(name)[0]):
            path = os.path.join(self.path, stem + KEYPOINT_FILE)
            if os.path.isfile(path):
                return read_keypoints(path)
        LOGGER.warning("%s: no file %s%s, so nobody is looked for", self.path, name, KEYPOINT_FILE)
        return []


def read_keypoints(path):
    """The people of one of OpenPose's json files; those with hardly any sure joint are left out.

    Returns:
        list: of Found, the score being the mean of the sure joints'.

    Raises:
        UserError: damaged, laid out otherwise, or with coordinates that are not pixels.
    """
    content = read_json(path, f"--keypoints_json {path}", "write or copy it again")
    try:
        people = [(next(person[key] for key in KEYPOINT_KEYS if key in person), person.get("person_id", [-1]))
                  for person in content["people"]]
        people = [(np.array(values, np.float64).reshape(-1, 3), int(np.ravel(number)[0])) for values, number in people]
    except (TypeError, KeyError, ValueError, IndexError, AttributeError, StopIteration):
        raise UserError(f"--keypoints_json {path} is not laid out as OpenPose's files are, with "
                        f"`people: [{{{KEYPOINT_KEYS[0]}: [x, y, score, ...]}}]`") from None
    found = [_from_joints(joints, None, number if number >= 0 else None) for joints, number in people]
    found = [person for person in found if person is not None]
    sure = np.concatenate([joints[joints[:, 2] > SURE, :2] for joints, _ in people] or [np.zeros((0, 2))])
    if len(sure) >= LEAST_JOINTS and np.abs(sure).max() <= 1:
        raise UserError(f"--keypoints_json {path}: coordinates are shares of the picture; write them in its pixels "
                        "(--keypoint_scale 0)")
    return found


class Detector:
    """People as a detector finds them.

    Args:
        finder (callable): image (H, W, 3) uint8, blue first, to something with `joints` (P, J, 3), x, y and score, and
            `scores` (P,); openpose's `PeopleFinder`.
    """

    def __init__(self, finder):
        self.finder = finder

    def __call__(self, _, image):
        people = self.finder(image)
        found = [_from_joints(joints, score) for joints, score in zip(people.joints, people.scores)]
        return [person for person in found if person is not None]


def _from_joints(joints, score=None, number=None):
    """Found from (J, 3) joints; None for somebody of whom hardly anything is seen."""
    if not np.isfinite(joints).all():
        return None
    sure = joints[joints[:, 2] > SURE]
    if len(sure) < LEAST_JOINTS or np.ptp(sure[:, :2], axis=0).max() < LEAST_EXTENT_PX:
        return None
    low, high = sure[:, :2].min(0), sure[:, :2].max(0)
    return Found(np.concatenate([low, high - low]), joints, float(sure[:, 2].mean() if score is None else score),
                 number)
