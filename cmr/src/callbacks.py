"""What cmr does beside the updates: images of some people with both meshes over them, and an end when time is up."""
import itertools
import os
import time

import cv2
import numpy as np
from mindspore import Tensor

from cmr.src.evaluate import MeshPrediction, crop_camera
from common.backbones.folding import fold_batch_norm
from common.data.image import normalize
from common.engine.loop import Callback
from common.files import atomic_write
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
        views = (self.people.view(number) for number in range(len(self.people)))
        crops = list(itertools.islice((np.ascontiguousarray(view) for view in views if view is not None), NUM_PEOPLE))
        fold_batch_norm(self.network, self.trained)
        images = Tensor.from_numpy(np.stack([normalize(crop) for crop in crops]))
        outputs = MeshPrediction(*(output.asnumpy() for output in self.network(images)))
        rows = []
        for crop, cam, *meshes in zip(crops, outputs.camera, outputs.vertices, outputs.smpl_vertices):
            rows.append(np.concatenate([crop] + [overlay(crop, mesh, cam, self.faces, colour)
                                                 for mesh, colour in zip(meshes, (FREE, BODY))], 1))
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
    return render(vertices, faces, crop_camera(cam, len(crop)), crop.shape[:2], colour, crop).image


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
