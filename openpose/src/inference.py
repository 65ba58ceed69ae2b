"""What infer.py does with a trained network: find people in images and videos, follow them, write what was found."""
import contextlib
import dataclasses
import logging
import os
import re

from common.errors import UserError
from common.files import atomic_write, npz_bytes
from common.inference.sources import interrupt_noted
from common.inference.tracking import Tracker
from common.visual.video import write_video
from openpose.src.decode import decode
from openpose.src.keypoint_json import check_scale, coco_entries, scale_joints, write_coco, write_keypoints
from openpose.src.pictures import draw_maps, draw_people, write_picture

LOGGER = logging.getLogger("mindhuman")


def parse_resolution(text):
    """(width, height) from `-1x368`, None from an empty text; at most one of both is -1.

    Raises:
        UserError: another form.
    """
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


def _until(interrupted, frames):
    """The frames until the user has had enough."""
    for frame in frames:
        yield frame
        if interrupted:
            return


class Inference:
    """Looks for people and writes what is found.

    Args:
        finder (PeopleFinder): the trained network.
        folder (str): where the files go.
        resolution (tuple): (width, height) of the network input, or None for the finder's own size.
        keypoint_scale (int): unit of the coordinates in `*_keypoints.json`.
        write_heatmaps (bool): whether the maps are written too.

    Raises:
        UserError: unknown keypoint scale.
    """

    def __init__(self, finder, folder, resolution=None, keypoint_scale=0, write_heatmaps=False):
        check_scale(keypoint_scale)
        self.finder, self.folder, self.resolution = finder, folder, resolution
        self.keypoint_scale, self.write_heatmaps = keypoint_scale, write_heatmaps
        self.entries, self.names, self.files, self.people = [], [], {}, 0

    def run(self, source):
        """Work through a source; says what was written."""
        self.files = source.files
        with interrupt_noted() as interrupted, contextlib.closing(source.frames()) as frames:
            if source.fps:
                tracker = Tracker(self.finder.skeleton.sigma_array(self.finder.skeleton.joints))
                drawn = ((self.look(frame, tracker)[..., ::-1], frame.time_s) for frame in _until(interrupted, frames))
                write_video(os.path.join(self.folder, f"{source.name}.mp4"), drawn, source.fps)
            else:
                for frame in _until(interrupted, frames):
                    write_picture(self._path(frame.name, "_rendered.png"), self.look(frame))
        if interrupted:
            LOGGER.info("Interrupted after %d images or frames, which are kept", len(self.names))
        write_coco(self._path("coco_results", ".json"), self.entries, self.names)
        LOGGER.info("%d people found in %d %s; written to %s", self.people, len(self.names),
                    "frames" if source.fps else "images", self.folder)

    def look(self, frame, tracker=None):
        """Find the people in one image, write the files about them.

        Args:
            frame (common.inference.sources.Frame): the image.
            tracker (Tracker): gives people their numbers in a video; None in single images.

        Returns:
            numpy.ndarray: (H, W, 3) uint8, blue first, the image with the people drawn.
        """
        finder, (name, image, time_s) = self.finder, frame
        if self.resolution is not None:
            finder.settings = dataclasses.replace(finder.settings,
                                                  size=shorter_side(self.resolution, *image.shape[:2]))
        heat, paf, place = finder.maps(image)
        people = decode(heat, paf, place, finder.settings.decoder, finder.skeleton, finder.settings.merge_halves)
        people = people.strongest(finder.settings.most_people)
        ids = None if tracker is None else tracker.update(people.joints)
        write_keypoints(self._path(name, "_keypoints.json"), scale_joints(people.joints, self.keypoint_scale, place),
                        ids, time_s)
        file_name = os.path.basename(self.files.get(name, name))
        self.entries.append(coco_entries(people, file_name, finder.skeleton, ids))
        self.names.append(name)
        self.people += len(people)
        if self.write_heatmaps:
            self._write_maps(name, image, heat, paf, place)
        return draw_people(image, people.joints, finder.skeleton, ids)

    def _write_maps(self, name, image, heat, paf, frame):
        skeleton = self.finder.skeleton
        limbs = [[skeleton.joints[first], skeleton.joints[second]] for first, second in skeleton.limbs]
        arrays = {"heat": heat, "paf": paf, "joints": list(skeleton.joints), "limbs": limbs, "image_size": frame.image,
                  "resized_to": frame.inner}
        atomic_write(self._path(name, "_heatmaps.npz"), npz_bytes(arrays))
        write_picture(self._path(name, "_heatmaps.png"), draw_maps(image, heat, paf, frame))

    def _path(self, name, ending):
        return os.path.join(self.folder, name + ending)
