"""From pictures and films to meshes: the same way for all mesh models, which bring a `MeshModel` each.

Pictures come one by one, people wait until a batch is full, and results come out in the order of the pictures. A film
is followed: people keep their numbers and are smoothed over time.
"""
import collections
import dataclasses
import logging
import os
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from common.errors import UserError
from common.geometry.projection import crop_points_to_image, image_translation, weak_perspective_projection
from common.inference.films import FilmRecord, film_frame
from common.inference.outputs import Person, Picture, check_formats, write_people
from common.inference.people import check_boxes
from common.inference.smoothing import OneEuro, OneEuroRotation
from common.inference.sources import interrupt_noted
from common.inference.tracking import Tracker
from common.visual.video import write_video

LOGGER = logging.getLogger("mindhuman")
PICTURE_FORMATS = ("json", "npz", "obj", "glb", "html", "png")
FILM_FORMATS = ("json", "npz", "png")  # a file for every frame only when it is asked for
FOCAL_LENGTH = 5000.0  # SPIN's and GraphCMR's, in pixels of a picture with REFERENCE_PX on its longer side
REFERENCE_PX = 224.0
JOINT_SPREAD = 0.07  # of any joint for the tracker: between an eye (0.025) and a hip (0.107) in COCO's measure
SHAPE_CUTOFF_HZ = 0.2  # a person's shape does not change; neither does the filter open with its speed


class Region(NamedTuple):
    """The square of a picture that a network saw: left upper corner (2,) and side, pixels of the picture."""

    corner_px: np.ndarray
    side_px: float


@dataclasses.dataclass(frozen=True)
class Body:
    """What a network says about one person; metres and radians, camera axes around the body's own origin.

    Args:
        cam (array): (3,), weak-perspective (s, tx, ty) over the region.
        rotmat (array): (J, 3, 3), as any program with this body model takes them.
        shape (array): (S,), coefficients of shape (and expression).
        vertices (array): (V, 3).
        j3d (array): (K, 3).
        variants (dict): name -> (V, 3), meshes that no body model makes.
        boxes (dict): name -> (2, 2), upper left and lower right corner of parts of the person, as the region spans
            [-1, 1].
    """

    cam: np.ndarray
    rotmat: np.ndarray
    shape: np.ndarray
    vertices: np.ndarray
    j3d: np.ndarray
    variants: dict = dataclasses.field(default_factory=dict)
    boxes: dict = dataclasses.field(default_factory=dict)


class MeshModel:
    """What a model brings along; all of it is to be defined.

    Attributes:
        name (str): of the model. body_model (str): "synthetic", or the file of the body model.
        faces (array): (F, 3). joint_names (list): K names.
    """

    name = body_model = ""
    faces, joint_names = None, ()

    def crop(self, image, found):
        """Network input of somebody: image (H, W, 3) uint8 RGB, `Found` -> array (3, h, w) float32, `Region`."""
        raise NotImplementedError

    def predict(self, batch):
        """Network inputs (B, 3, h, w) -> B `Body`s."""
        raise NotImplementedError

    def pose(self, body):
        """The `Body` with vertices and joints that belong to its rotations and shape."""
        raise NotImplementedError

    def parameters(self, body):
        """What files say of a `Body`: dict name -> array."""
        raise NotImplementedError


class _Track:
    """The filters of one person in a film."""

    def __init__(self, fps):
        self.rotation, self.shape = OneEuroRotation(fps), OneEuro(fps, SHAPE_CUTOFF_HZ, 0.0)
        self.size, self.place = OneEuro(fps), OneEuro(fps)
        self.variants, self.fps = {}, fps

    def smooth(self, body, region, frame):
        """A `Body` with smoothed camera, rotations, shape and variants; its vertices are still the old ones.

        What is smoothed of the camera is the place in the picture and the size there, as crops jump about.
        """
        half = 0.5 * region.side_px
        middle = np.asarray(region.corner_px) + half
        px_per_metre = np.maximum(body.cam[:1] * half, 1e-6)
        place = middle + px_per_metre * body.cam[1:]
        px_per_metre = np.exp(self.size(np.log(px_per_metre), frame))
        place = self.place(place, frame, unit=px_per_metre[0])
        cam = np.concatenate([px_per_metre / half, (place - middle) / px_per_metre])
        variants = {name: self.variants.setdefault(name, OneEuro(self.fps))(mesh, frame)
                    for name, mesh in body.variants.items()}
        return dataclasses.replace(body, cam=cam, rotmat=self.rotation(body.rotmat, frame),
                                   shape=self.shape(body.shape, frame), variants=variants)


class _Look(NamedTuple):
    """A picture whose people are known: number, name, image RGB, list of Found, list of (network input, Region)."""

    number: int
    name: str
    image: np.ndarray
    found: list
    crops: list


class MeshRunner:
    """Looks at a source and writes the people's meshes.

    Args:
        model (MeshModel): the trained network and its conventions.
        find (callable): of `people.choose_people`.
        folder (str): where files go.
        formats (list): of `outputs.FORMATS`; None for the usual ones. In a film json and npz hold a person's whole
            way, png is the drawn film, and the others are files for every frame.
        focal_length (float): of the pictures' camera, in pixels of a picture with `REFERENCE_PX` on its longer side.
        batch_size (int): people that the network looks at together.
        smooth (bool): smooth people over the frames of a film.
        write (callable): what writes about single pictures; called like `write_people`.

    Raises:
        UserError: an unknown format, or a focal length that is not positive.
    """

    def __init__(self, model, find, folder, formats=None, focal_length=FOCAL_LENGTH, batch_size=8, smooth=True,
                 write=write_people):
        check_formats(formats or ())
        if not focal_length > 0:
            raise UserError(f"--focal_length {focal_length}: write a positive number")
        self.model, self.find, self.folder, self.formats, self.write = model, find, folder, formats, write
        self.focal_length, self.batch_size, self.smooth = focal_length, batch_size, smooth
        self.pictures, self.rows = 0, None
        self.tracker, self.tracks = None, {}

    def run(self, source):
        """Work through a source and say what was written.

        Raises:
            UserError: nobody is found in any picture, or there is a picture that cannot be used and no other.
        """
        with interrupt_noted() as interrupted:
            looks = self._looks(source, interrupted)
            found = self._film(source, looks) if source.fps else self._pictures(source, looks)
        if interrupted:
            LOGGER.info("Interrupted after %d pictures or frames, which are kept", self.pictures)
        if not found:
            raise UserError(f"nobody was found in {source.name}: say where people are with --bbox "
                            "left,top,width,height, or leave --openpose_ckpt and --keypoints_json out to take each "
                            "picture as one person")
        left_out = 0 if source.fps or interrupted else source.count - self.pictures
        LOGGER.info("People: %d, %s: %d%s; written to %s", found, "frames" if source.fps else "pictures",
                    self.pictures, f", left out: {left_out}" if left_out else "", self.folder)

    def _pictures(self, source, looks):
        """Write about single pictures; returns the number of people."""
        formats, found = PICTURE_FORMATS if self.formats is None else self.formats, 0
        for picture, people, image in self._bodies(looks, source):
            found += len(people)
            if people:
                self.write(self.folder, picture, people, formats, image)
            else:
                LOGGER.warning("%s: nobody found", picture.image)
        return found

    def _film(self, source, looks):
        """Write about a film; returns the number of people."""
        formats = FILM_FORMATS if self.formats is None else self.formats
        of_frames = [name for name in formats if name not in FILM_FORMATS]
        record = FilmRecord(source.fps, self.smooth)

        def frames():
            for picture, people, image in self._bodies(looks, source):
                record.add(picture, people)
                write_people(self.folder, picture, people, of_frames)
                yield picture, people, image

        if "png" in formats:
            film = os.path.join(self.folder, f"{source.name}.mp4")
            write_video(film, (film_frame(*frame) for frame in frames()), source.fps)
        else:
            collections.deque(frames(), maxlen=0)
        record.write(self.folder, source.name, formats)
        return len(record.tracks)

    def _looks(self, source, interrupted):
        """Yield a `_Look` for every picture of the source that can be used."""
        progress = tqdm(source.frames(), total=source.count or None, unit="frame" if source.fps else "picture",
                        disable=None)
        for number, (name, image) in enumerate(progress):
            try:
                found = self.find(name, image)
                check_boxes(found, name, image)
                image = np.ascontiguousarray(image[..., ::-1])
                crops = [self.model.crop(image, person) for person in found]
            except UserError as error:
                if source.fps or source.count == 1:
                    raise
                LOGGER.warning("%s; it is left out", error)
                continue
            # In single pictures people are counted.
            found = self._numbered(found) if source.fps else [
                dataclasses.replace(person, number=index) for index, person in enumerate(found)]
            yield _Look(number, name, image, found, crops)
            if interrupted:
                return

    def _numbered(self, found):
        """People of the next frame with their numbers: those that files give, else what the tracker says."""
        given = [person.number for person in found]
        if found and None not in given and len(set(given)) == len(given):
            return found
        poses = [_as_pose(person) for person in found]
        if poses and self.tracker is None:
            self.tracker = Tracker(np.full(len(poses[0]), JOINT_SPREAD))
        # Frames without people count too: after many of them somebody is new.
        numbers = self.tracker.update(poses) if self.tracker else []
        return [dataclasses.replace(person, number=number) for person, number in zip(found, numbers)]

    def _bodies(self, looks, source):
        """Yield (Picture, list of Person, image) for every look, in order; the network gets full batches."""
        waiting, count = [], 0
        for look in looks:
            waiting.append(look)
            count += len(look.found)
            if count >= self.batch_size or len(waiting) >= self.batch_size:
                yield from self._flush(waiting, source, self.batch_size)
                waiting, count = [], 0
        yield from self._flush(waiting, source, min(self.batch_size, max(count, 1)))

    def _flush(self, looks, source, rows):
        inputs = [crop for look in looks for crop, _ in look.crops]
        bodies = iter(self._predict(inputs, rows))
        for look in looks:
            people = [self._person(look, found, region, next(bodies), source)
                      for found, (_, region) in zip(look.found, look.crops)]
            self.pictures += 1
            yield self._picture(look, source), people, look.image

    def _predict(self, inputs, rows):
        """Bodies of all inputs. Every batch has as many rows as the first, because each size is compiled on its own."""
        self.rows, bodies = self.rows or rows, []
        for first in range(0, len(inputs), self.rows):
            part = inputs[first:first + self.rows]
            bodies += self.model.predict(np.stack(part + part[-1:] * (self.rows - len(part))))[:len(part)]
        return bodies

    def _picture(self, look, source):
        height, width = look.image.shape[:2]
        image = os.path.basename(source.files.get(look.name, look.name))
        return Picture(look.name, image, (height, width), self._focal_px(look), (0.5 * width, 0.5 * height),
                       self.model.name, self.model.body_model)

    def _focal_px(self, look):
        return self.focal_length * max(look.image.shape[:2]) / REFERENCE_PX

    def _person(self, look, found, region, body, source):
        if source.fps and self.smooth:
            track = self.tracks.setdefault(found.number, _Track(source.fps))
            body = self.model.pose(track.smooth(body, region, look.number))
        corner, side, cam = np.asarray(region.corner_px)[None], np.array([region.side_px]), np.asarray(body.cam)[None]
        height, width = look.image.shape[:2]
        j2d_px = crop_points_to_image(weak_perspective_projection(body.j3d[None], cam), corner, side)[0]
        boxes_px = {name: crop_points_to_image(box[None], corner, side).ravel() for name, box in body.boxes.items()}
        return Person(
            vertices=body.vertices, faces=self.model.faces, joint_names=list(self.model.joint_names), j3d=body.j3d,
            j2d_px=j2d_px, cam=body.cam, box_centre_px=tuple(corner[0] + 0.5 * side), box_size_px=float(side[0]),
            translation=image_translation(cam, corner, side, (width, height), self._focal_px(look))[0],
            parameters=self.model.parameters(body), score=found.score, number=found.number, variants=body.variants,
            boxes_px=boxes_px)


def _as_pose(found):
    """Joints (J, 3) for the tracker; without joints the corners of the box."""
    if found.joints is not None:
        return found.joints
    left, top, width, height = found.box
    return np.array([[x, y, 1.0] for x in (left, left + width) for y in (top, top + height)])
