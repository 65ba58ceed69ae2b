"""A mesh model in Python: called with images, videos or arrays it gives people."""
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from common.errors import UserError
from common.inference.inputs import is_single, source_of, way_of_finding
from common.inference.meshes import FOCAL_LENGTH, MeshModel, MeshRunner
from common.inference.results import People


class MeshPredictor:
    """A trained mesh model.

    Args:
        model (MeshModel): network and conventions.
        detector: finds people where nothing else says where they are; see `way_of_finding`. Without one each image is
            one person, who fills it.
        batch_size (int): people that the network sees together.
        focal_length (float): of the images' camera, in px of an image whose longer side is 224 px.
        smooth (bool): smooth people over the frames of a video.
        min_confidence (float): joints with a higher score count.
    """

    def __init__(self, model: MeshModel, detector: Callable | None = None, batch_size: int = 8,
                 focal_length: float = FOCAL_LENGTH, smooth: bool = True, min_confidence: float = 0.2):
        self.model, self.detector, self.batch_size = model, detector, batch_size
        self.focal_length, self.smooth, self.min_confidence = focal_length, smooth, min_confidence

    @property
    def name(self) -> str:
        """Of the model, such as "hmr"."""
        return self.model.name

    @property
    def joint_names(self) -> tuple:
        """Names of the joints of `Person.j3d` and `Person.j2d_px`."""
        return tuple(self.model.joint_names)

    def __call__(self, source: object, boxes: str | np.ndarray | list | None = None, detections: object = None,
                 detector: Callable | None = None, frame_max: int = 0) -> People | list[People]:
        """The people of an image as `People`; of a folder, a list or a video a list of them, in order.

        All photos and meshes are kept: long videos are for `stream` or `run`.

        Args:
            source: see `source_of`.
            boxes, detections, detector: see `way_of_finding`; else the detector that the model was loaded with.
            frame_max: frames of a video, 0 for all.

        Raises:
            UserError: nothing can be read or used.
        """
        results = list(self.stream(source, boxes, detections, detector, frame_max))
        return results[0] if is_single(source) else results

    def stream(self, source: object, boxes: str | np.ndarray | list | None = None, detections: object = None,
               detector: Callable | None = None, frame_max: int = 0) -> Iterator[People]:
        """The same one by one, as they are ready.

        Images that cannot be used are left out with a warning.

        Raises:
            UserError: none can be used.
        """
        runner, empty = self.runner(boxes, detections, detector), True
        for people in runner.stream(source_of(source, frame_max)):
            empty = False
            yield people
        if empty:
            raise UserError(runner.unusable[-1] if runner.unusable else "there are no images")

    def run(self, source: object, folder: str, formats: Sequence[str] | None = None,
            boxes: str | np.ndarray | list | None = None, detections: object = None,
            detector: Callable | None = None, frame_max: int = 0) -> None:
        """Write what infer.py writes about a source.

        Args:
            source, boxes, detections, detector, frame_max: as in a call.
            folder: where files go.
            formats: see docs/formats.md; None for the usual ones.

        Raises:
            UserError: nobody is found, or an unknown format.
        """
        self.runner(boxes, detections, detector, folder, formats).run(source_of(source, frame_max))

    def runner(self, boxes: str | np.ndarray | list | None = None, detections: object = None,
               detector: Callable | None = None, folder: str = "", formats: Sequence[str] | None = None) -> MeshRunner:
        """What `run` and `stream` work with; after a video its `video` knows everybody's whole way."""
        if boxes is None and detections is None and detector is None:
            detector = self.detector
        if self.model.subject != "person" and (detections is not None or detector is not None):
            raise UserError(f"{self.name} sees {self.model.subject}s here, and detections are those of bodies: say "
                            "where they are with boxes")
        find = way_of_finding(boxes, detections, detector, self.min_confidence)
        return MeshRunner(self.model, find, folder, formats, self.focal_length, self.batch_size, self.smooth)
