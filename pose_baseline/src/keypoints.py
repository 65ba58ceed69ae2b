"""2D joints of any detector -> what the lifter takes: 16 joints in Human3.6M's order, without gaps, in pixels.

Joints are mapped by name. Joints that a detector lacks are made as mmpose makes Human3.6M joints from COCO ones:
pelvis and thorax midway between hips and shoulders, the spine midway between those, the head midway between the eyes
(here also the ears, or the nose, when the eyes are rarely seen). OpenPose's own neck and mid hip are used where they
exist.
"""
import logging
from dataclasses import dataclass, replace

import numpy as np

from common.data.readers.keypoint_json import LEAST_EXTENT_PX, MIN_CONFIDENCE, are_shares, sure
from common.errors import UserError
from common.joints import SKELETONS
from pose_baseline.src.keypoint_files import read_raw

JOINTS = SKELETONS["h36m_16"]
# The training images are about this wide and high.
TRAINING_IMAGE_PX = 1000.0
# Shares of the image below, which would lie far beside it, are no shares from 0 to 1.
BESIDE_THE_IMAGE = -0.1
# Joints from which a joint may be made, best first; each is itself a joint or made so.
RECIPES = {
    "pelvis": (("mid_hip",), ("hip",), ("root",), ("left_hip", "right_hip")),
    "thorax": (("neck",), ("mpii_thorax",), ("left_shoulder", "right_shoulder")),
    "spine": (("pelvis", "thorax"),),
    "head": (("head_top",), ("top_head",), ("left_eye", "right_eye"), ("left_ear", "right_ear"), ("nose",)),
    # Human3.6M's own tables, and mmpose's, call the ankles feet.
    **{f"{side}_ankle": ((f"{side}_foot",),) for side in ("left", "right")},
}

log = logging.getLogger("mindhuman")


@dataclass(frozen=True)
class KeypointTrack:
    """One person over T frames, ready for the lifter.

    joints (T, 16, 2) float32, pixels, in the order of `h36m_16`; observed (T, 16) bool: False where a joint was filled
    in from other frames; frames (T,) int; frame_names: T names; image_size: (width, height) in px, or None where the
    file does not say.
    """
    person: str
    frames: np.ndarray
    frame_names: tuple
    joints: np.ndarray
    observed: np.ndarray
    image_size: tuple = None


def read_keypoints(path, joint_order=None, min_confidence=MIN_CONFIDENCE, image_size=None):
    """The people of a file as `KeypointTrack`s; who lacks a joint throughout, and specks, are left out, as is said.

    A joint is missing where its confidence is `min_confidence` or less, where it is not a number, and where it lies at
    exactly (0, 0). Missing joints are interpolated linearly over time and held at both ends, relative to the pelvis.

    Args:
        joint_order (str): joint order of the file, when neither its names nor its number of joints say it.
        image_size (tuple): (width, height) in px, by which coordinates that are shares of the image are scaled.

    Raises:
        UserError: the file cannot be read, its coordinates are no pixels and no size is known, or nobody in it has all
            joints; the text names the joints.
    """
    raw_tracks = _in_pixels(read_raw(path, joint_order, min_confidence), path, image_size, min_confidence)
    return lifter_tracks(raw_tracks, path, min_confidence)


def lifter_tracks(raw_tracks, path, min_confidence=MIN_CONFIDENCE):
    """`RawTrack`s in pixels in the lifter's order and without gaps; as `read_keypoints`.

    Args:
        path (str): where they are from, for messages.
    """
    tracks, failures = [], []
    for raw in raw_tracks:
        joints, observed, failure = _to_lifter(raw, min_confidence)
        if failure:
            failures.append(failure)
        else:
            tracks.append(KeypointTrack(raw.person, np.array(raw.frames), tuple(map(str, raw.frame_names)),
                                        joints.astype(np.float32), observed, raw.image_size))
    if not raw_tracks:
        raise UserError(f"{path} holds no people with joints of a confidence above --min_confidence {min_confidence:g}")
    made = [joint for joint in JOINTS if joint not in raw_tracks[0].joint_names]
    if made:
        log.info("%s: %s are made from the joints beside them", path, ", ".join(made))
    if not tracks:
        raise UserError(f"{path}: {failures[0]}; the network needs the whole body in pixels: give frames that show it, "
                        f"fill these joints in, or lower --min_confidence (now {min_confidence:g})")
    if failures:
        log.warning("%s: %d of %d people are left out (%s)", path, len(failures), len(raw_tracks), failures[0])
    return tracks


def _in_pixels(tracks, path, image_size, min_confidence):
    """The tracks with coordinates in pixels; scales shares of the image, from 0 to 1 or from -1 to 1."""
    poses = [sure(np.concatenate([track.joints, track.confidence[..., None]], -1), min_confidence) for track in tracks]
    if not tracks or not are_shares(np.concatenate([pose.reshape(-1, 3) for pose in poses])):
        return tracks
    if not all(image_size or track.image_size for track in tracks):
        raise UserError(f"{path}: coordinates are shares of the image (0 to 1, or -1 to 1), not pixels; give its size "
                        "with --image_size WIDTH,HEIGHT, or write pixels (OpenPose: --keypoint_scale 0)")
    low = -1 if min(pose[pose[..., 2] > 0].min(initial=0) for pose in poses) < BESIDE_THE_IMAGE else 0
    log.info("%s: coordinates from %d to 1 are scaled by the size of the image", path, low)
    return [replace(track, joints=(track.joints - low) / (1 - low) * (np.array(image_size or track.image_size) - 1))
            for track in tracks]


def _to_lifter(raw, min_confidence):
    """Joints (T, 16, 2), observed (T, 16) and, in place of both, why there is no whole body."""
    seen = raw.confidence > min_confidence
    if not seen.any() or np.ptp(raw.joints[seen], axis=0).max() < LEAST_EXTENT_PX:
        return None, None, f"person {raw.person} is nowhere larger than {LEAST_EXTENT_PX:g} px"
    times = np.asarray(raw.frames, np.float64)
    if not np.all(np.diff(times) > 0):
        times = np.arange(len(times), dtype=np.float64)
    known = {name: (raw.joints[:, index], seen[:, index]) for index, name in enumerate(raw.joint_names)
             if seen[:, index].any()}
    # The pelvis first: what hides for a while moves along with it.
    pelvis = _make("pelvis", {name: (follow_others(*joint, raw.joints, seen, times), joint[1])
                              for name, joint in known.items()})
    if pelvis is not None:
        known = {name: (pelvis[0] + fill_gaps(points - pelvis[0], there, times), there)
                 for name, (points, there) in known.items()}
    made = [_make(joint, known) for joint in JOINTS]
    missing = [joint for joint, result in zip(JOINTS, made) if result is None]
    if missing:
        return None, None, f"{', '.join(missing)} of person {raw.person} is never seen"
    return np.stack([points for points, _ in made], 1), np.stack([observed for _, observed in made], 1), None


def fill_gaps(points, seen, times):
    """Interpolate points (T, 2) linearly over times (T,) where `seen` (T,) is False; ends are held."""
    return np.stack([np.interp(times, times[seen], points[seen, k]) for k in (0, 1)], -1)


def follow_others(points, seen, others, others_seen, times):
    """Fill the gaps of points (T, 2); before and after all sights they move as other joints (T, J, 2) do on average."""
    filled, shown = fill_gaps(points, seen, times), np.flatnonzero(seen)
    for edge, rows in ((shown[0], range(shown[0])), (shown[-1], range(shown[-1] + 1, len(points)))):
        for row in rows:
            both = others_seen[edge] & others_seen[row]
            filled[row] += (others[row, both] - others[edge, both]).mean(0) if both.any() else 0.0
    return filled


def _make(joint, known):
    """(points (T, 2), observed (T,)) of a joint, or None.

    The first recipe wins that is seen in half of the frames, or else the one that is seen most: changing between
    recipes from frame to frame would make the joint jump.
    """
    if joint in known:
        return known[joint]
    choices = []
    for parts in RECIPES.get(joint, ()):
        made = [_make(part, known) for part in parts]
        if None not in made:
            choices.append((np.mean([points for points, _ in made], 0), np.all([seen for _, seen in made], 0)))
    usual = [choice for choice in choices if choice[1].mean() >= 0.5]
    return usual[0] if usual else max(choices, key=lambda choice: choice[1].mean(), default=None)


def parse_image_size(text):
    """(width, height) from `1920,1080`, None from an empty text."""
    if not text:
        return None
    try:
        width, height = (int(part) for part in text.lower().replace("x", ",").split(","))
    except ValueError:
        width = height = 0
    if width < 1 or height < 1:
        raise UserError(f"--image_size {text}: write width,height in pixels, as in 1920,1080")
    return width, height


def fit_to_camera(tracks, rescale="none", image_size=None, mean_pose_px=None):
    """The tracks with pixels near those that the network was trained on.

    The network sees where in an image of about 1000 x 1000 px a person stands and how large, and takes it as distance
    and viewing angle; joints from a 1920 x 1080 or a 256 x 256 image are outside of all that it knows.

    Args:
        tracks (list): of KeypointTrack.
        rescale (str): `none`: leave the pixels as they are. `image`: scale the image to a longer side of 1000 px and
            centre it in 1000 x 1000; keeps the place in the image and suits similar lenses. `body`: scale and move
            each track so that the torso has its length, and the pelvis on average its place, in the training set; loses
            the place in the image and suits any lens and crop.
        image_size (tuple): (width, height) in px for `image`; None takes it from the file.
        mean_pose_px (ndarray): (16, 2), mean 2D pose of the training set, for `body`.

    Raises:
        UserError: an unknown `rescale`, or `image` without a size.
    """
    if rescale == "none":
        return list(tracks)
    if rescale == "image":
        return [replace(track, joints=_fit_image(track, image_size or track.image_size)) for track in tracks]
    if rescale == "body":
        return [replace(track, joints=_fit_body(track, np.asarray(mean_pose_px, np.float64))) for track in tracks]
    raise UserError(f"--rescale {rescale} is unknown; use none, image or body")


def _fit_image(track, size):
    if size is None:
        raise UserError("--rescale image needs --image_size WIDTH,HEIGHT: the file does not say how large its images "
                        "are")
    size = np.asarray(size, np.float64)
    scale = TRAINING_IMAGE_PX / size.max()
    return ((track.joints - size / 2.0) * scale + TRAINING_IMAGE_PX / 2.0).astype(np.float32)


def _fit_body(track, mean_pose):
    pelvis, thorax = JOINTS.index("pelvis"), JOINTS.index("thorax")
    torso = np.linalg.norm(track.joints[:, thorax] - track.joints[:, pelvis], axis=-1)
    wanted = np.linalg.norm(mean_pose[thorax] - mean_pose[pelvis])
    # The median bears with frames in which the torso points at the camera.
    scale = wanted / max(float(np.median(torso)), 1e-6)
    return ((track.joints - track.joints[:, pelvis].mean(0)) * scale + mean_pose[pelvis]).astype(np.float32)
