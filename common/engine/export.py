"""Export to MINDIR, ONNX and AIR. What was written is loaded again and compared with the network before it counts.

Beside the file lies its description, `<name>.json`: what goes into the network and what comes out.
"""
from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from common.errors import UserError, first_line
from common.files import atomic_path, atomic_write, make_folder
from common.text_files import read_json

if TYPE_CHECKING:
    from common.engine.checkpoint import Checkpoint

LOGGER = logging.getLogger("mindhuman")
ENDINGS = {"MINDIR": ".mindir", "ONNX": ".onnx", "AIR": ".air"}
DYNAMIC_CHECKS = (1, 3)
TOLERANCE = 1e-4  # largest accepted difference, relative to the largest output (at least 1)


def export_network(network: nn.Cell, make_inputs: Callable[[int], list[np.ndarray]], file_name: str, file_format: str,
                   batch_size: int, device_target: str, names: tuple[Sequence[str], Sequence[str]] | None = None
                   ) -> tuple[str, float | None]:
    """Write the network, load the file again and compare.

    Args:
        network (Cell): in evaluation mode; takes and returns Tensors (one or a tuple).
        make_inputs: function batch size -> list of float32 arrays, the batch as first axis.
        file_name (str): target; the format's ending is added where it is missing.
        file_format (str): MINDIR, ONNX or AIR.
        batch_size (int): 0 for a free batch (MINDIR only).
        device_target (str): AIR exists on Ascend only.
        names (tuple): names of the inputs and of the outputs in an ONNX file, two lists; MINDIR goes by their order.

    Returns:
        tuple: path of the file, largest difference that was seen (None for AIR, which only Ascend tools read).

    Raises:
        UserError: unknown format, a format the target or the converter cannot do, or a file that computes otherwise.
    """
    file_format = file_format.upper()
    if file_format not in ENDINGS:
        raise UserError(f"--file_format {file_format}: choose one of {', '.join(ENDINGS)}")
    if batch_size < 0:
        raise UserError(f"--batch_size {batch_size}: write a positive number, or 0 for a free batch")
    if file_format == "AIR" and device_target != "Ascend":
        raise UserError("--file_format AIR: only the Ascend back end can write AIR files; use MINDIR or ONNX here, or "
                        "run the export on Ascend with --device_target Ascend")
    if file_format != "MINDIR" and batch_size == 0:
        raise UserError(f"--file_format {file_format} needs a fixed batch: give --batch_size 1 or more")
    if not os.path.basename(file_name):
        raise UserError(f"--file_name {file_name!r} names no file: write a name, as in --file_name output/network")
    network.set_train(False)
    path = file_name if file_name.lower().endswith(ENDINGS[file_format]) else file_name + ENDINGS[file_format]
    path = os.path.abspath(path)
    make_folder(os.path.dirname(path))
    # A folder of its own: the converter takes no blanks and no letters beyond ASCII in a path, and a file that turns
    # out to be wrong never reaches its place.
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        written = os.path.join(folder, re.sub(r"[^0-9A-Za-z_.-]", "_", os.path.basename(path)))
        _write(network, make_inputs, written, file_format, batch_size)
        if file_format == "ONNX":
            _repair_onnx(written, names)
        difference = None
        if file_format != "AIR":
            difference = _compare(network, make_inputs, written, file_format, batch_size)
        with atomic_path(path) as temporary:
            shutil.copyfile(written, temporary)
    if difference is not None:
        LOGGER.info("Exported %s (%.1f MB); loaded again, it differs from the network by at most %.2g",
                    path, os.path.getsize(path) / 1e6, difference)
    return path, difference


def description_path(path: str) -> str:
    """Where the description of an exported file is; the file's ending may be missing."""
    stem, ending = os.path.splitext(path)
    return (stem if ending.lower() in ENDINGS.values() else path) + ".json"


def write_description(path: str, model: str, checkpoint: Checkpoint, content: dict) -> None:
    """Write the description of an exported file beside it.

    Args:
        path (str): the exported file.
        model (str): name of the model.
        checkpoint (Checkpoint): what was exported.
        content (dict): what the model says about inputs and outputs.
    """
    content = {"model": model, "file": os.path.basename(path), "checkpoint": os.path.basename(checkpoint.path),
               **content}
    atomic_write(description_path(path), (json.dumps(content, indent=1) + "\n").encode())


def read_description(path: str) -> dict:
    """The description of an exported file.

    Args:
        path (str): the exported file, with or without its ending.

    Raises:
        UserError: no description beside the file, or no JSON.
    """
    return read_json(description_path(path),
                     hint="export.py writes it beside the network, and it says how images are prepared; name the "
                          "network with --file_name")


def _write(network: nn.Cell, make_inputs: Callable[[int], list[np.ndarray]], path: str, file_format: str,
           batch_size: int) -> None:
    arrays = make_inputs(batch_size or 1)
    inputs = [Tensor(array) if batch_size else Tensor(shape=[None, *array.shape[1:]], dtype=ms.float32)
              for array in arrays]
    try:
        ms.export(network, *inputs, file_name=path, file_format=file_format)
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"--file_format {file_format}: the converter cannot express this network: "
                        f"{first_line(error)}") from None
    if not os.path.isfile(path):
        raise UserError(f"--file_format {file_format}: the converter wrote no file at {path}")


def _compare(network: nn.Cell, make_inputs: Callable[[int], list[np.ndarray]], path: str, file_format: str,
             batch_size: int) -> float:
    """Largest absolute difference between file and network over the checked batch sizes."""
    run = _load_onnx(path) if file_format == "ONNX" else _load_mindir(path, make_inputs, batch_size)
    worst = 0.0
    for size in (batch_size,) if batch_size else DYNAMIC_CHECKS:
        arrays = make_inputs(size)
        expected = _tuple(network(*[Tensor(array) for array in arrays]))
        found = run(arrays)
        if len(found) != len(expected):
            raise UserError(f"{path}: the exported file has {len(found)} outputs, the network {len(expected)}")
        for one, other in zip(found, expected):
            other = other.asnumpy()
            if one.shape != other.shape:
                raise UserError(f"{path}: at batch {size} the exported file gives {one.shape}, the network "
                                f"{other.shape}")
            difference = float(np.abs(one - other).max())
            if not difference <= TOLERANCE * max(1.0, float(np.abs(other).max())):
                raise UserError(f"{path}: at batch {size} the exported file differs from the network by "
                                f"{difference:.3g}; it was not kept")
            worst = max(worst, difference)
    return worst


def _load_mindir(path: str, make_inputs: Callable[[int], list[np.ndarray]],
                 batch_size: int) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    cell = load_mindir(path, [array.shape for array in make_inputs(1)] if batch_size == 0 else None)
    return lambda arrays: [output.asnumpy() for output in _tuple(cell(*[Tensor(array) for array in arrays]))]


def load_mindir(path: str, dynamic_shapes: Sequence[Sequence[int]] | None = None) -> nn.Cell:
    """A callable Cell from a MINDIR file.

    Args:
        dynamic_shapes (list): input shapes of a file with a free batch. Without the call of `set_inputs` that they
            lead to, the framework would keep the first batch size that it sees and give wrong results silently.

    Raises:
        UserError: missing or damaged file.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: write it with export.py --file_format MINDIR")
    try:
        cell = nn.GraphCell(ms.load(path))
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path} is damaged or is no MINDIR file: {first_line(error)}") from None
    if dynamic_shapes is not None:
        cell.set_inputs(*[Tensor(shape=[None, *shape[1:]], dtype=ms.float32) for shape in dynamic_shapes])
    return cell


def _repair_onnx(path: str, names: tuple[Sequence[str], Sequence[str]] | None) -> None:
    """Put an ONNX file of MindSpore's converter right and give what goes in and out its names.

    The converter writes the `output_shape` of a transposed convolution with batch and channels, which the format does
    not have there and runtimes refuse. The paddings, which stand beside it, say the same.

    Args:
        path (str): of the file, which is written again.
        names (tuple): names of inputs and outputs, two lists; None for those of the converter.
    """
    import onnx

    model = onnx.load(path)
    graph = model.graph
    for node in graph.node:
        if node.op_type == "ConvTranspose":
            kept = [attribute for attribute in node.attribute if attribute.name != "output_shape"]
            del node.attribute[:]
            node.attribute.extend(kept)
    if names is not None:
        inputs, outputs = names
        new = dict(zip([value.name for value in graph.input], inputs, strict=True))
        new.update(zip([value.name for value in graph.output], outputs, strict=True))
        for node in graph.node:
            for field in (node.input, node.output):
                field[:] = [new.get(name, name) for name in field]
        for value in (*graph.input, *graph.output, *graph.initializer):
            value.name = new.get(value.name, value.name)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _load_onnx(path: str) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, arrays)))


def _tuple(outputs: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)
