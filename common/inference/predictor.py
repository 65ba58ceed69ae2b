"""A mesh model in Python: called with images, videos or arrays it gives people."""
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from common.errors import UserError
from common.inference.meshes import FOCAL_LENGTH, MeshModel, MeshRunner
from common.inference.outputs import People
from common.inference.people import choose_people
from common.inference.sources import source_of


class MeshPredictor:
    """A trained mesh model.

    Args:
        model (MeshModel): network and conventions.
        detector: `load("openpose")`, which finds people where nothing else says where they are. Without one each image
            is one person, who fills it.
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
            boxes, detections, detector: where people are, see `runner`; else the detector of the model says it.
            frame_max: frames of a video, 0 for all.

        Raises:
            UserError: nothing can be read or used.
        """
        source = source_of(source, frame_max)
        results = list(self.stream(source, boxes=boxes, detections=detections, detector=detector))
        return results[0] if source.single else results

    def stream(self, source: object, frame_max: int = 0, **where: object) -> Iterator[People]:
        """What a call gives one by one, as it is ready; images that cannot be used are left out with a warning.

        Raises:
            UserError: none can be used.
        """
        runner, empty = self.runner(**where), True
        for people in runner.stream(source_of(source, frame_max)):
            empty = False
            yield people
        if empty:
            raise UserError(runner.unusable[-1] if runner.unusable else "there are no images")

    def run(self, source: object, folder: str, formats: Sequence[str] | None = None, frame_max: int = 0,
            **where: object) -> None:
        """Write what infer.py writes about a source; formats as in docs/formats.md, None for the usual ones.

        Raises:
            UserError: nobody is found, or an unknown format.
        """
        self.runner(**where, folder=folder, formats=formats).run(source_of(source, frame_max))

    def runner(self, boxes: str | np.ndarray | list | None = None, detections: object = None,
               detector: Callable | None = None, folder: str = "", formats: Sequence[str] | None = None) -> MeshRunner:
        """What `run` and `stream` work with; after a video its `video` knows everybody's whole way.

        Args:
            boxes: (N, 4) left, top, width, height in pixels, in every image; or text as after --bbox.
            detections: what `load("openpose")` gave for the same images (one or a list), or the path of keypoint files.
            detector: `load("openpose")`, or see `choose_people`.
            folder, formats: of `run`.
        """
        if boxes is None and detections is None and detector is None:
            detector = self.detector
        find = choose_people(boxes, detections, getattr(detector, "find", detector), self.min_confidence,
                             self.model.subject, ("boxes", "detections", "detector"))
        return MeshRunner(self.model, find, folder, formats, self.focal_length, self.batch_size, self.smooth)
