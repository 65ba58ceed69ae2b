"""From images and videos to meshes: the same way for all mesh models, which bring a `MeshModel` each.

Images are read, predicted and drawn side by side, people wait until a batch is full, and results come out in the order
of the images. In a video people keep their numbers and are smoothed over time. What cannot be used, an image, a frame
or a person, is left out with a warning; the rest is finished.
"""
import collections
import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from common.config import Config
from common.errors import UserError, counted
from common.formats.registry import MOTION_FORMATS
from common.geometry.projection import (
    crop_points_to_image,
    fit_translation,
    perspective_projection,
    weak_perspective_projection,
)
from common.inference.outputs import IMAGE_FORMATS, People, check_formats, check_person
from common.inference.people import Detection, FindPeople, check_box, choose_people
from common.inference.person import ImageRecord, Person
from common.inference.side_by_side import READ_AHEAD, WRITERS, ahead, in_order
from common.inference.smoothing import OneEuro, OneEuroRotation
from common.inference.sources import Frame, Source, interrupt_noted
from common.inference.tracking import Tracker
from common.inference.video_files import VideoRecord, video_frame
from common.visual.cameras import NEAR
from common.visual.video import write_video

LOGGER = logging.getLogger("mindhuman")
VIDEO_FORMATS = ("json", "npz", "png")  # a file for every frame only when it is asked for
OF_TRACKS = (*VIDEO_FORMATS, *MOTION_FORMATS)  # one file of a person's whole way
FOCAL_LENGTH = 5000.0  # SPIN's and GraphCMR's, in pixels of an image with REFERENCE_PX on its longer side
REFERENCE_PX = 224.0
MOST_WAITING = 2  # images per row of a batch that may wait for it to be full
SAID = 10  # images, frames or people left out that are said one by one
SHAPE_CUTOFF_HZ = 0.2  # a person's shape does not change; neither does the filter open with its speed


class Region(NamedTuple):
    """The square of an image that a network saw: left upper corner (2,) and side, pixels of the image."""

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
        variants (tuple): names of the meshes in `Body.variants`.
        conventions (dict): what its parameters mean beyond `outputs.CONVENTIONS`, written into the files.
        rig (BodyRig): the body model, for files with bones; None without one.
        subject (str): what boxes are around: "person" or "hand".
    """

    name, body_model, subject = "", "", "person"
    faces, joint_names, variants, conventions, rig = None, (), (), {}, None

    def crop(self, image: np.ndarray, detection: Detection) -> tuple[np.ndarray, Region]:
        """Network input of somebody: image (H, W, 3) uint8 RGB, `Detection` -> array (3, h, w) float32, `Region`."""
        raise NotImplementedError

    def predict(self, batch: np.ndarray) -> list[Body]:
        """Network inputs (B, 3, h, w) -> B `Body`s."""
        raise NotImplementedError

    def pose(self, body: Body) -> Body:
        """The `Body` with vertices and joints that belong to its rotations and shape."""
        raise NotImplementedError

    def parameters(self, body: Body) -> dict[str, np.ndarray]:
        """What files say of a `Body`: dict name -> array."""
        raise NotImplementedError


class _Track:
    """The filters of one person in a video; times are in seconds."""

    def __init__(self):
        self.rotation, self.shape = OneEuroRotation(), OneEuro(SHAPE_CUTOFF_HZ, 0.0)
        self.size, self.place = OneEuro(), OneEuro()
        self.variants = {}

    def smooth(self, body: Body, region: Region, time_s: float) -> Body:
        """A `Body` with smoothed camera, rotations, shape and variants; its vertices are still the old ones.

        What is smoothed of the camera is the place in the image and the size there, as crops jump about.
        """
        half = 0.5 * region.side_px
        middle = np.asarray(region.corner_px) + half
        px_per_metre = np.maximum(body.cam[:1] * half, 1e-6)
        place = middle + px_per_metre * body.cam[1:]
        px_per_metre = np.exp(self.size(np.log(px_per_metre), time_s))
        place = self.place(place, time_s, unit=px_per_metre[0])
        cam = np.concatenate([px_per_metre / half, (place - middle) / px_per_metre])
        variants = {name: self.variants.setdefault(name, OneEuro())(mesh, time_s)
                    for name, mesh in body.variants.items()}
        return dataclasses.replace(body, cam=cam, rotmat=self.rotation(body.rotmat, time_s),
                                   shape=self.shape(body.shape, time_s), variants=variants)


class _Crops(NamedTuple):
    """An image whose people are known: Frame, image RGB, list of (Detection, network input, Region)."""

    frame: Frame
    image: np.ndarray
    found: list


class MeshRunner:
    """Works through a source and writes the people's meshes.

    Args:
        find (callable): of `people.choose_people`.
        formats (list): of `outputs.FORMATS`; None for the usual ones. Of a video json, npz and those of
            `formats.registry` hold a person's whole way, png is the drawn video, and the others are files for every
            frame.
        focal_length (float): of the images' camera, in pixels of an image with `REFERENCE_PX` on its longer side.
        smooth (bool): smooth people over the frames of a video.
        write (callable): what writes about single images; called like `People.save`.

    Raises:
        UserError: an unknown format, or a focal length that is not positive.
    """

    def __init__(self, model: MeshModel, find: FindPeople, folder: str,
                 formats: Sequence[str] | None = None, focal_length: float = FOCAL_LENGTH, batch_size: int = 8,
                 smooth: bool = True, write: Callable = People.save):
        check_formats(formats or ())
        if not focal_length > 0:
            raise UserError(f"--focal_length {focal_length}: write a positive number")
        self.model, self.find, self.folder, self.formats, self.write = model, find, folder, formats, write
        self.focal_length, self.batch_size, self.smooth = focal_length, batch_size, smooth
        self.images, self.unusable, self.rows = 0, [], None
        self.tracker, self.tracks, self.video = Tracker(), {}, None

    def run(self, source: Source) -> None:
        """Work through a source and say what was written.

        Raises:
            UserError: nobody is found in any image, or one keypoint file is given for several images.
        """
        progress = tqdm(total=source.count or None, unit="frame" if source.fps else "image", disable=None)
        with interrupt_noted() as interrupted, progress, contextlib.closing(
                self.stream(source, interrupted)) as people:
            found = self._video(source, people, progress) if source.fps else self._images(people, progress)
        if interrupted:
            LOGGER.info("Interrupted after %d images or frames, which are kept", self.images)
        if not found and self.unusable:
            raise UserError(f"nothing was written: {self.unusable[-1]}")
        if not found:
            raise UserError(f"nobody was found in {source.name}: say where people are with --bbox "
                            "left,top,width,height, or leave --openpose_ckpt and --keypoints_json out to take each "
                            "image as one person")
        left_out = 0 if source.fps or interrupted else source.count - self.images
        LOGGER.info("%s in %s%s; written to %s", counted(found, "person", "people"),
                    counted(self.images, "frame" if source.fps else "image"),
                    f" ({left_out} left out)" if left_out else "", self.folder)

    def stream(self, source: Source, interrupted: Sequence = ()) -> Iterator[People]:
        """Yield the `People` of every image or frame that can be used, in order; nothing is written.

        Args:
            interrupted (list): no longer empty when the user has had enough.
        """
        if hasattr(self.find, "check_count"):
            self.find.check_count(source.count)
        with contextlib.closing(ahead(source.frames(), READ_AHEAD)) as frames:
            yield from self._people(self._crops(frames, source, interrupted), source)

    def _leave_out(self, error: UserError) -> None:
        """Note what cannot be used and go on; the first few are said one by one."""
        self.unusable.append(error)
        if len(self.unusable) <= SAID:
            LOGGER.warning("%s; left out", error)
        elif len(self.unusable) == SAID + 1:
            LOGGER.warning("More is left out and no longer said one by one")

    def _images(self, people: Iterator[People], progress: tqdm) -> int:
        """Write about single images; returns the number of people."""
        formats, found = IMAGE_FORMATS if self.formats is None else self.formats, 0

        def write(seen: People) -> int:
            if seen.people:
                self.write(seen, self.folder, formats)
            else:
                LOGGER.warning("%s: nobody found", seen.record.image)
            return len(seen.people)

        for count in in_order(write, people, WRITERS):
            found += count
            progress.update()
        return found

    def _video(self, source: Source, people: Iterator[People], progress: tqdm) -> int:
        """Write about a video; returns the number of people."""
        formats = VIDEO_FORMATS if self.formats is None else self.formats
        of_frames = [name for name in formats if name not in OF_TRACKS]
        self.video = video = VideoRecord(source.fps, self.smooth)

        def recorded() -> Iterator[People]:
            for seen in people:
                video.add(seen)
                yield seen

        def draw(seen: People) -> tuple[np.ndarray | None, float]:
            dataclasses.replace(seen, photo=None).save(self.folder, of_frames)
            return video_frame(seen) if "png" in formats else None, seen.time_s

        def drawn() -> Iterator[tuple[np.ndarray | None, float]]:
            for frame in in_order(draw, recorded(), WRITERS):
                yield frame
                progress.update()

        if "png" in formats:
            write_video(os.path.join(self.folder, f"{source.name}.mp4"), drawn(), source.fps)
        else:
            collections.deque(drawn(), maxlen=0)
        video.write(self.folder, source.name, formats)
        return len(video.tracks)

    def _crops(self, frames: Iterable[Frame], source: Source, interrupted: Sequence) -> Iterator[_Crops]:
        """Yield `_Crops` for every image of the source that can be used."""
        for frame in frames:
            try:
                found = self.find(frame.name, frame.image)
            except UserError as error:
                self._leave_out(error)
                if not source.fps:
                    continue
                found = []  # the frame counts as one without people
            # Frames without people count too: after many of them somebody is new.
            numbers = range(len(found)) if not source.fps else self.tracker.update(
                [_as_pose(person) for person in found], None, [person.number for person in found],
                frame.image if all(person.joints is not None for person in found) else None)
            found = [dataclasses.replace(person, number=number) for person, number in zip(found, numbers)]
            image, usable = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB), []
            for person in found:
                try:
                    check_box(person, frame.name, frame.image)
                    usable.append((person, *self.model.crop(image, person)))
                except UserError as error:
                    self._leave_out(error)
            if usable or not found or source.fps:
                yield _Crops(frame, image, usable)
            if interrupted:
                return

    def _people(self, crops: Iterable[_Crops], source: Source) -> Iterator[People]:
        """Yield `People` for every image, in order; the network gets full batches, whatever image people are from."""
        waiting, inputs, bodies = collections.deque(), collections.deque(), collections.deque()
        for one in crops:
            waiting.append(one)
            inputs.extend(crop for _, crop, _ in one.found)
            while len(inputs) >= self.batch_size or (inputs and len(waiting) >= MOST_WAITING * self.batch_size):
                self._predict(inputs, bodies)
            yield from self._complete(waiting, bodies, source)
        while inputs:
            self._predict(inputs, bodies)
        yield from self._complete(waiting, bodies, source)

    def _predict(self, inputs: collections.deque[np.ndarray], bodies: collections.deque[Body]) -> None:
        """Move as many inputs as fit into a batch to bodies.

        Every batch has as many rows as the first, because each size is compiled on its own.
        """
        self.rows = self.rows or min(len(inputs), self.batch_size)
        part = [inputs.popleft() for _ in range(min(len(inputs), self.rows))]
        bodies.extend(self.model.predict(np.stack(part + part[-1:] * (self.rows - len(part))))[:len(part)])

    def _complete(self, waiting: collections.deque[_Crops], bodies: collections.deque[Body],
                  source: Source) -> Iterator[People]:
        """Yield `People` for the images whose people all have bodies."""
        while waiting and len(waiting[0].found) <= len(bodies):
            one = waiting.popleft()
            record, people = self._image_record(one, source), []
            for found, _, region in one.found:
                try:
                    people.append(self._person(one.frame, record, found, region, bodies.popleft(), source))
                except UserError as error:
                    self._leave_out(error)
            if not one.found or people or source.fps:
                self.images += 1
                yield People(record, people, one.image, one.frame.time_s)

    def _image_record(self, one: _Crops, source: Source) -> ImageRecord:
        height, width = one.image.shape[:2]
        name = one.frame.name
        focal_px = self.focal_length * max(height, width) / REFERENCE_PX
        return ImageRecord(name, os.path.basename(source.files.get(name, name)), (height, width), focal_px,
                           (0.5 * width, 0.5 * height), self.model.name, self.model.body_model, self.model.conventions,
                           self.model.variants, self.model.rig)

    def _person(self, frame: Frame, record: ImageRecord, found: Detection, region: Region, body: Body,
                source: Source) -> Person:
        """What files say of somebody; raises UserError when the network's answer cannot be written."""
        where = f"{self.model.subject} {found.number} of {record.image}"
        if source.fps and self.smooth and np.isfinite(body.cam).all():
            track = self.tracks.setdefault(found.number, _Track())
            body = self.model.pose(track.smooth(body, region, frame.time_s))
        corner, side, cam = np.asarray(region.corner_px)[None], np.array([region.side_px]), np.asarray(body.cam)[None]
        weak_px = crop_points_to_image(weak_perspective_projection(body.j3d[None], cam), corner, side)[0]
        if cam[0, 0] <= 0:
            raise UserError(f"{where}: the network's camera has the scale {cam[0, 0]:.3g}, which shows nobody; trained "
                            "weights give a person a positive one")
        translation, j2d_px = self._seen(body.j3d, weak_px, record, where)
        boxes_px = {name: crop_points_to_image(box[None], corner, side).ravel() for name, box in body.boxes.items()}
        person = Person(
            vertices=body.vertices, faces=self.model.faces, joint_names=list(self.model.joint_names), j3d=body.j3d,
            j2d_px=j2d_px, cam=body.cam, box_centre_px=tuple(corner[0] + 0.5 * side), box_size_px=float(side[0]),
            translation=translation, parameters=self.model.parameters(body), score=found.score, number=found.number,
            variants=body.variants, boxes_px=boxes_px, rotmat=np.asarray(body.rotmat), shape=np.asarray(body.shape))
        check_person(person, where)
        return person

    def _seen(self, j3d: np.ndarray, weak_px: np.ndarray, record: ImageRecord,
              where: str) -> tuple[np.ndarray, np.ndarray]:
        """The translation in front of the image's camera that fits the network's own, and the joints seen from there.

        Both cameras cannot agree wholly: a perspective one shows what is near larger. Files hold the joints as the
        camera sees them that stands beside them.
        """
        if not (np.isfinite(weak_px).all() and np.isfinite(j3d).all()):
            raise UserError(f"{where}: numbers that are not finite; was the checkpoint trained without overflow?")
        translation = fit_translation(j3d, weak_px, record.focal_px, record.centre_px)
        if not (translation[2] + j3d[:, 2] > NEAR).all():
            raise UserError(f"{where} would not stand before the camera of --focal_length {self.focal_length:g}: take "
                            "a longer one")
        return translation, perspective_projection(j3d[None], translation[None], record.focal_px,
                                                   np.asarray(record.centre_px))[0]


def runner_of(config: Config, model: MeshModel, detector: Callable | None, folder: str = "",
              write: Callable = People.save) -> MeshRunner:
    """The `MeshRunner` that the settings of a command describe.

    Args:
        detector (callable): of `--openpose_ckpt`, see `choose_people`; None for none.
        folder (str): where files go; empty for `output_dir`.
        write (callable): see `MeshRunner`.
    """
    find = choose_people(config.bbox, config.keypoints_json, detector, config.min_confidence, model.subject)
    return MeshRunner(model, find, folder or config.output_dir, config.formats if "formats" in config.given else None,
                      config.focal_length, config.batch_size, config.smooth, write)


def _as_pose(found: Detection) -> np.ndarray:
    """Joints (J, 3) for the tracker; without joints the corners of the box."""
    if found.joints is not None:
        return found.joints
    left, top, width, height = found.box
    return np.array([[x, y, 1.0] for x in (left, left + width) for y in (top, top + height)])
