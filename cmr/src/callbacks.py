"""What cmr does beside the updates: images of some people with both meshes over them, and an end when time is up."""
import itertools
import os
import time

import cv2
import numpy as np
from mindspore import Tensor

from cmr.src.evaluate import FOCAL_PX, MeshPrediction
from common.backbones.folding import fold_batch_norm
from common.engine.loop import Callback
from common.files import atomic_write
from common.geometry.projection import crop_translation
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import PALETTE, render

NUM_PEOPLE = 4
FREE, BODY = PALETTE[1], PALETTE[2]  # colours of the free mesh and of SMPL's


class SummaryImages(Callback):
    """Write `summaries/<step>.png`: a row for each of the first people, with the crop and both meshes over it.

    Args:
        trained (CMR): the network in training.
        network (CMR): another one of the same settings, which takes over its weights for each image.
        people (CMRDataset): without augmentation.
        faces (array): (F, 3).
        folder (str): where `summaries` is made.
        every (int): updates between two images.
        writer (SummaryWriter): of TensorBoard, gets the images too; None for none.
    """

    def __init__(self, trained, network, people, faces, folder, every, writer=None):
        self.trained, self.network, self.people, self.faces = trained, network, people, faces
        self.folder, self.every, self.writer = os.path.join(folder, "summaries"), every, writer
        self.steps_before = 0

    def on_start(self, progress):
        self.steps_before = progress.step - progress.batch

    def wants(self, batch):
        """Whether an image is due: the weights must be those of this update."""
        return (self.steps_before + batch) % self.every == 0

    def on_step(self, progress):
        if self.wants(progress.batch):
            image = self.draw()
            done = cv2.imencode(".png", image[..., ::-1])[1]
            atomic_write(os.path.join(self.folder, f"{progress.step:08d}.png"), done.tobytes())
            if self.writer is not None:
                self.writer.add_image("meshes", image, progress.step, dataformats="HWC")

    def on_epoch_end(self, progress):
        self.steps_before = progress.step

    def draw(self):
        """The image, (rows, columns, 3) uint8."""
        usable = (number for number in range(len(self.people)) if self.people.read(number) is not None)
        numbers = list(itertools.islice(usable, NUM_PEOPLE))
        fold_batch_norm(self.network, self.trained)
        images = np.stack([self.people.image(number) for number in numbers])
        outputs = MeshPrediction(*(output.asnumpy() for output in self.network(Tensor.from_numpy(images))))
        rows = []
        for number in numbers:
            crop = np.ascontiguousarray(self.people.view(number))
            meshes = ((outputs.vertices[number], FREE), (outputs.smpl_vertices[number], BODY))
            rows.append(np.concatenate([crop] + [overlay(crop, mesh, outputs.camera[number], self.faces, colour)
                                                 for mesh, colour in meshes], 1))
        return np.concatenate(rows, 0)


def overlay(crop, vertices, cam, faces, colour):
    """A mesh over the crop that it was found in: (S, S, 3) uint8 RGB.

    Args:
        crop (numpy.ndarray): (S, S, 3) uint8 RGB.
        vertices (numpy.ndarray): (V, 3), metres, camera axes.
        cam (numpy.ndarray): (3,), (s, tx, ty).
        faces (array): (F, 3).
        colour (tuple): RGB, 0..255.
    """
    size = len(crop)
    camera = PerspectiveCamera(FOCAL_PX, (size / 2, size / 2),
                               translation=tuple(crop_translation(cam[None], FOCAL_PX, size)[0]))
    return render(vertices, faces, camera, (size, size), colour, crop).image


class TimeIsUp(Exception):
    """Ends `fit` after a checkpoint."""


class TimeLimit(Callback):
    """Write a checkpoint and end the run when its time is up.

    Args:
        seconds (float): from the beginning of the run.
        save (SaveCheckpoint): writes the checkpoint; in the list of callbacks it stands before this one.
    """

    def __init__(self, seconds, save):
        self.end, self.save = time.monotonic() + seconds, save

    def wants(self, batch):
        """Whether the time is up: the checkpoint must hold the weights of this update."""
        return time.monotonic() >= self.end

    def on_step(self, progress):
        if progress.batch < progress.steps_per_epoch and self.wants(progress.batch):
            self.save.save(progress)
            raise TimeIsUp

    def on_epoch_end(self, progress):
        if self.wants(progress.batch):
            raise TimeIsUp
