"""What the benchmarks of several models share: images, loaders, timed calls.

The module torch is handed in, so that nothing here needs it to be installed.
"""
import contextlib
import os
import tempfile

import cv2
import numpy as np
from mindspore import Tensor

from common.backbones.folding import fold_batch_norm
from common.data.order import sample_rng
from common.data.pipeline import Pipeline

PHOTO_SIZE = (640, 480)


def write_photos(folder, count=64):
    """Write jpg files that are as large as photos of this size, about 60 KiB each; returns their paths."""
    rng = np.random.default_rng(1)
    paths = [os.path.join(folder, f"{number:04d}.jpg") for number in range(count)]
    for path in paths:
        image = cv2.resize(rng.integers(0, 256, (9, 12, 3)).astype(np.uint8), PHOTO_SIZE,
                           interpolation=cv2.INTER_CUBIC).astype(np.float64)
        image += cv2.GaussianBlur(rng.normal(0.0, 40.0, image.shape), (0, 0), 1.5)
        cv2.imwrite(path, image.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


class Samples:
    """A source of `Pipeline` as PyTorch's loader takes it; its worker processes build the source themselves."""

    def __init__(self, make_source, *arguments):
        self.make_source, self.arguments, self.source = make_source, arguments, None
        self.count = len(make_source(*arguments))

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.source = self.source or self.make_source(*self.arguments)
        return self.source.sample(index, sample_rng(1, 0, index))


@contextlib.contextmanager
def loading_case(torch, make_source, arguments, batch_size):
    """Calls that give the next batch of a source: ours, and PyTorch's with the same samples (None without torch).

    Args:
        torch (module): PyTorch or None.
        make_source (function): arguments -> source; importable by worker processes.
        arguments (tuple): its arguments.
        batch_size (int): samples of a batch.
    """
    workers = os.cpu_count()
    pipeline = Pipeline(make_source(*arguments), batch_size, seed=1, num_workers=workers)
    # Closed at the end, so that its threads end before the interpreter does.
    with contextlib.closing(endless(pipeline.batches)) as ours:
        if torch is None:
            yield lambda: next(ours), None
            return
        # Processes, as PyTorch's users have them; a fork of this one, with its threads, could lock up.
        loader = torch.utils.data.DataLoader(Samples(make_source, *arguments), batch_size, shuffle=True,
                                             drop_last=True, num_workers=workers, persistent_workers=True,
                                             multiprocessing_context="spawn")
        theirs = endless(lambda epoch: loader)

        def next_batch():
            with torch.device("cpu"):  # its loader draws the order there, also where networks are on a GPU
                return next(theirs)

        yield lambda: next(ours), next_batch


def endless(batches):
    """Batches of all epochs, one after the other; `batches`: epoch -> iterable."""
    epoch = 0
    while True:
        yield from batches(epoch)
        epoch += 1


def inference_call(torch, network, images):
    """Eager evaluation of a PyTorch network, as its users run it; waits for the result."""
    tensor = torch.tensor(images)

    def call():
        network.eval()
        with torch.inference_mode():
            outputs = network(tensor)
            outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
            return [output.cpu().numpy() for output in outputs]

    return call


def mesh_cases(torch, graph, network, theirs, torch_step, sizes):
    """Yield the update and the inference of a mesh model, as (name, MindSpore call, PyTorch call or None).

    Args:
        torch (module): PyTorch or None.
        graph (tuple): of `training_step` in `tools.lab.graphs`.
        network (Cell): for inference; its batch norms are folded.
        theirs (function): -> PyTorch's network.
        torch_step (function): that network, columns of the batch as arrays -> PyTorch's update.
        sizes (tuple): batches of inference.
    """
    step, batch, count = graph
    theirs = theirs() if torch else None
    yield (f"train step, batch {count}", lambda: step(*batch)[0].asnumpy(),
           torch_step(theirs, [tensor.asnumpy() for tensor in batch]) if torch else None)
    network, rng = fold_batch_norm(network), np.random.default_rng(0)
    for size in sizes:
        images = rng.standard_normal((size, *batch[0].shape[1:])).astype(np.float32)
        yield (f"inference, batch {size}", lambda images=images: [out.asnumpy() for out in network(Tensor(images))],
               inference_call(torch, theirs, images) if torch else None)


def photo_cases(torch, make_source, batch_size):
    """Yield the loading of people in photos; `make_source`: folder of `write_photos` -> source."""
    with tempfile.TemporaryDirectory() as folder:
        write_photos(folder)
        with loading_case(torch, make_source, (folder,), batch_size) as calls:
            yield f"data loading, batch {batch_size}", *calls
