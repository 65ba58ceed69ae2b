"""What infer.py does with a trained network: find people in images and videos, follow them, write what was found."""
import collections
import contextlib
import dataclasses
import json
import logging
import os
import re

import numpy as np

from common.errors import UserError, counted
from common.files import atomic_write, npz_bytes
from common.formats.csv_table import keypoints_csv
from common.inference.sources import Frame, interrupt_noted, source_of
from common.inference.tracking import Tracker
from common.joints import SKELETONS
from common.limits import check_choices
from common.visual.video import write_video
from openpose.src.config import FORMATS
from openpose.src.detector import build_detector, people_of
from openpose.src.drawing import draw_maps, draw_people, write_image
from openpose.src.evaluate import PERSON, to_records
from openpose.src.network import load_trained
from openpose.src.skeleton import COCO_18, Skeleton

LOGGER = logging.getLogger("mindhuman")
VERSION = 1.3  # of CMU OpenPose's `*_keypoints.json`; source: "OpenPose output" in its documentation
EMPTY = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d",
         "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d")


def parse_resolution(text):
    """(width, height) from `-1x368`, None from an empty text; at most one of both is -1."""
    if not text:
        return None
    match = re.fullmatch(r"(-1|[1-9]\d*)x(-1|[1-9]\d*)", text)
    if match is None or match.group(0) == "-1x-1":
        raise UserError(f"--net_resolution {text}: write WIDTHxHEIGHT in px, one of them -1 for what the proportions "
                        "of the image give, as in -1x368")
    return int(match[1]), int(match[2])


def shorter_side(resolution, height, width):
    """Length in pixels that the shorter side of an image gets, so that it fits a network resolution."""
    scales = [given / side for given, side in zip(resolution, (width, height)) if given > 0]
    return max(8, round(min(scales) * min(height, width)))


@dataclasses.dataclass(frozen=True)
class Poses2D:
    """The people in one image or frame.

    Args:
        name (str): stem of the files about it. image (str): file name of the image. photo (array): (H, W, 3) uint8 RGB.
        joints (array): (P, J, 3), x, y in pixels of the image and height of the peak, 0 where a joint is missing.
        scores (array): (P,). ids (list): number of each person in a video, None in single images.
        skeleton (Skeleton): joints and limbs. time_s (float): seconds since the start of a video, None in images.
        maps (tuple): heat maps (J+1, h, w), fields (2L, h, w) and the `Placement` of the image in them.
    """

    name: str
    image: str
    photo: np.ndarray
    joints: np.ndarray
    scores: np.ndarray
    ids: list
    skeleton: Skeleton
    time_s: float
    maps: tuple

    def __len__(self):
        return len(self.joints)

    @property
    def joint_names(self):
        """J names, in the order of `joints`."""
        return tuple(self.skeleton.joints)

    @property
    def row(self):
        """What `common.formats.csv_table.keypoints_csv` takes of an image."""
        return self.name, self.time_s, self.joints, self.scores, self.ids

    def draw(self):
        """The skeletons over the photo: (H, W, 3) uint8 RGB."""
        return draw_people(self.photo[..., ::-1], self.joints, self.skeleton, self.ids)[..., ::-1]

    def save(self, folder, formats=("json", "png"), keypoint_scale=0, write_heatmaps=False):
        """Write `<name>_keypoints.json` and `.csv`, `<name>_rendered.png`, and maps where they are asked for -> paths.

        Args:
            folder (str): made when missing.
            formats (sequence): of `FORMATS`.
            keypoint_scale (int): of the joints in json, see `scale_joints`.
            write_heatmaps (bool): write the maps as npz and as an image.

        Raises:
            UserError: a format that is not known.
        """
        check_choices({"formats": list(formats)}, {"formats": FORMATS})
        heat, paf, frame = self.maps
        paths = [os.path.join(folder, f"{self.name}_keypoints.{ending}") for ending in ("json", "csv")
                 if ending in formats]
        if "json" in formats:
            write_keypoints(paths[0], scale_joints(self.joints, keypoint_scale, frame), self.ids, self.time_s)
        if "csv" in formats:
            atomic_write(paths[-1], keypoints_csv([self.row], self.joint_names))
        if write_heatmaps:
            joints = self.skeleton.joints
            limbs = [[joints[first], joints[second]] for first, second in self.skeleton.limbs]
            arrays = {"heat": heat, "paf": paf, "joints": list(joints), "limbs": limbs, "image_size": frame.image,
                      "resized_to": frame.inner}
            paths += [os.path.join(folder, f"{self.name}_heatmaps.{ending}") for ending in ("npz", "png")]
            atomic_write(paths[-2], npz_bytes(arrays))
            write_image(paths[-1], draw_maps(self.photo[..., ::-1], heat, paf, frame))
        if "png" in formats:
            paths.append(os.path.join(folder, f"{self.name}_rendered.png"))
            write_image(paths[-1], self.draw()[..., ::-1])
        return paths


class Detecting:
    """openpose in Python: finds the people of images and videos.

    Args:
        detector (PeopleDetector): the trained network.
        resolution (tuple): (width, height) of the network input, or None for the detector's own size.
    """

    name = "openpose"

    def __init__(self, detector, resolution=None):
        self.detector, self.resolution = detector, resolution

    @property
    def skeleton(self):
        """Joints and limbs of the people that are found."""
        return self.detector.skeleton

    @property
    def joint_names(self):
        """Names of the joints of `Poses2D.joints`."""
        return tuple(self.skeleton.joints)

    def __call__(self, source, frame_max=0):
        """`Poses2D` of an image; a list of them of a folder, a list or a video.

        All photos are kept: long videos are for `stream`.

        Args:
            source: see `common.inference.sources.source_of`.
            frame_max (int): frames of a video, 0 for all.

        Raises:
            UserError: nothing can be read.
        """
        source = source_of(source, frame_max)
        results = list(self.stream(source))
        return results[0] if source.single else results

    def stream(self, source, frame_max=0, interrupted=()):
        """Yield `Poses2D` of each image or frame; people of a video keep their numbers.

        Args:
            source, frame_max: as in a call.
            interrupted (list): no longer empty when the user has had enough.
        """
        source = source_of(source, frame_max)
        skeleton = self.skeleton
        tracker = Tracker(skeleton.sigma_array(skeleton.joints)) if source.fps else None
        with contextlib.closing(source.frames()) as frames:
            for frame in frames:
                yield self.look(frame, os.path.basename(source.files.get(frame.name, frame.name)), tracker)
                if interrupted:
                    return

    def find(self, image):
        """`Poses2D` of an image (H, W, 3) uint8, blue first: what mesh models ask a detector."""
        return self.look(Frame("image", image), "image")

    def look(self, frame, file_name, tracker=None):
        """`Poses2D` of one image.

        Args:
            frame (common.inference.sources.Frame): the image.
            file_name (str): of the image.
            tracker (Tracker): gives people their numbers in a video; None in single images.
        """
        detector = self.detector
        if self.resolution is not None:
            size = shorter_side(self.resolution, *frame.image.shape[:2])
            detector.config = detector.config.replace(inference_img_size=size)
        maps = detector.maps(frame.image)
        people = people_of(*maps, detector.config, detector.skeleton)
        ids = None if tracker is None else tracker.update(people.joints, image=frame.image)
        return Poses2D(frame.name, file_name, frame.image[..., ::-1], people.joints, people.scores, ids,
                       detector.skeleton, frame.time_s, maps)


def write_source(detecting, source, folder, formats=("json", "png"), keypoint_scale=0, write_heatmaps=False):
    """Work through a source, write what is found and say so.

    Args:
        formats (sequence): of `FORMATS`. json: a file for each image or frame, one of COCO's results; csv: one table
            of all; png: the drawings, of a video the drawn video.
        keypoint_scale, write_heatmaps: as in `Poses2D.save`.
    """
    entries, names, rows = [], [], []
    of_images = [ending for ending in formats if ending == "json" or ending == "png" and not source.fps]

    def written():
        for poses in found:
            poses.save(folder, of_images, keypoint_scale, write_heatmaps)
            entries.append(coco_entries(poses, poses.image, poses.skeleton, poses.ids))
            names.append(poses.name)
            rows.append(poses.row)
            yield poses

    with interrupt_noted() as interrupted, contextlib.closing(
            detecting.stream(source, interrupted=interrupted)) as found:
        if source.fps and "png" in formats:
            drawn = ((poses.draw(), poses.time_s) for poses in written())
            write_video(os.path.join(folder, f"{source.name}.mp4"), drawn, source.fps)
        else:
            collections.deque(written(), maxlen=0)
    if interrupted:
        LOGGER.info("Interrupted after %d images or frames, which are kept", len(names))
    if "json" in formats:
        write_coco(os.path.join(folder, "coco_results.json"), entries, names)
    if "csv" in formats:
        atomic_write(os.path.join(folder, "keypoints.csv"), keypoints_csv(rows, detecting.skeleton.joints))
    found = sum(len(joints) for _, _, joints, _, _ in rows)
    LOGGER.info("%s found in %s; written to %s", detecting.skeleton.counted(found),
                counted(len(names), "frame" if source.fps else "image"), folder)


def scale_joints(joints, number, frame):
    """Joints in the unit of a keypoint scale.

    Args:
        joints (array): (P, J, 3), pixels of the image and height of the peak, 0 where a joint is missing.
        number (int): 0 and 2 pixels of the image, 1 pixels of the network input, 3 the image spans [0, 1], 4 the image
            spans [-1, 1], from the middle of the first pixel to that of the last.
        frame (Placement): of the image.

    Returns:
        numpy.ndarray: (P, J, 3), zeros where a joint is missing.
    """
    out, last = np.array(joints, np.float64), np.maximum(np.array(frame.image[::-1]) - 1, 1)
    if number == 1:
        out[..., :2] = (out[..., :2] + 0.5) * (np.array(frame.inner[::-1]) / frame.image[::-1]) - 0.5
    elif number in (3, 4):
        out[..., :2] = out[..., :2] / last * (number - 2) - (number - 3)
    return out * (out[..., 2:] > 0)


def write_keypoints(path, joints, ids=None, time_s=None):
    """Write one `*_keypoints.json`: the joints in the order of the skeleton, as x, y, confidence.

    Args:
        joints (array): (P, J, 3), of `scale_joints`.
        ids (sequence): number of each person in a video; None writes -1, CMU's value for unknown.
        time_s (float): seconds since the start of the video, written beside the people; None for single images.
    """
    people = [{"person_id": [-1 if ids is None else int(ids[number])],
               "pose_keypoints_2d": np.round(person, 4).ravel().tolist(), **{name: [] for name in EMPTY}}
              for number, person in enumerate(joints)]
    time = {} if time_s is None else {"time_s": time_s}
    atomic_write(path, json.dumps({"version": VERSION, **time, "people": people}).encode())


def coco_entries(people, file_name, skeleton, ids=None):
    """People of one image as entries of COCO's result file, without the image's number, with `ids` as `track_id`."""
    names = SKELETONS["coco_17"] if skeleton == COCO_18 else [joint for joint in skeleton.joints
                                                              if joint not in skeleton.means]
    return [{**record, "file_name": file_name}
            for record in to_records(people, None, PERSON, skeleton.annotation_order(names), ids)]


def number_images(names):
    """Numbers of images by name: the last in each, as CMU's program takes it, where these differ; else 1, 2, ..."""
    digits = [re.findall(r"[0-9]+", name) for name in names]
    numbers = [int(found[-1][-18:]) for found in digits if found]
    if len(set(numbers)) == len(names):
        return numbers
    LOGGER.info("coco_results.json: image_id counts the images from 1, since not every name ends with a number of its "
                "own; file_name tells which is which")
    return list(range(1, len(names) + 1))


def write_coco(path, entries, names):
    """Write COCO's result file from lists of `coco_entries`, one for each image, and the images' names."""
    numbered = [{**entry, "image_id": number} for number, found in zip(number_images(names), entries)
                for entry in found]
    atomic_write(path, json.dumps(numbered).encode())


def open_model(config):
    """The trained openpose of the settings, and its settings with those of its checkpoint.

    Raises:
        UserError: no checkpoint, or weights that do not fit.
    """
    resolution = parse_resolution(config.net_resolution)
    network, config, skeleton, checkpoint = load_trained(config)
    return Detecting(build_detector(network, config, skeleton), resolution), config.replace(ckpt_file=checkpoint.path)
