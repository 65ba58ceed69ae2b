"""Checkpoints: one file from which a run continues exactly, or whose weights a network loads strictly.

The file is an ordinary MindSpore checkpoint. Weights stand under the network's own parameter names; beside them are
`optimizer.*` and `scaler.*` (what the training step needs to go on), `extra.*` (arrays that belong to the weights,
such as normalisation statistics) and `meta`, a JSON text with the step, the position in the data and the settings.
"""
import contextlib
import json
import logging
import os
import re
from dataclasses import dataclass, field

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor
from mindspore.train import serialization

from common.errors import UserError
from common.files import atomic_path, make_folder

LOGGER = logging.getLogger("mindhuman")
GROUPS = ("optimizer", "scaler", "extra")
FORMAT = 1
ASIDE = "earlier"


@dataclass
class Checkpoint:
    """What a file holds; every array is a copy of its own.

    Args:
        path (str): the file.
        weights (dict): parameter name -> array.
        optimizer, scaler, extra (dict): name -> array; empty when the file holds weights only.
        meta (dict): `step` (updates done), `epoch`, `batch` (position in the data), `config` (dict), `model` (str) and
            what the model added; empty for files of other makers.
    """

    path: str
    weights: dict
    optimizer: dict = field(default_factory=dict)
    scaler: dict = field(default_factory=dict)
    extra: dict = field(default_factory=dict)
    meta: dict = field(default_factory=dict)


def write_checkpoint(path, weights, extra=None, meta=None, step_cell=None):
    """Write a checkpoint at once (temporary file, flush, rename).

    Args:
        path (str): target, with the ending .ckpt.
        weights (Cell or dict): a network, or name -> array.
        extra (dict): name -> array that belongs to the weights.
        meta (dict): JSON-able facts.
        step_cell (TrainStep): the training step whose optimizer and scaler state is kept; None for weights only.
    """
    arrays = dict(weights) if isinstance(weights, dict) else _arrays(weights.get_parameters())
    if step_cell is not None:
        arrays.update({f"optimizer.{name}": value for name, value in optimizer_state(step_cell).items()})
        arrays.update({f"scaler.{name}": value for name, value in scaler_state(step_cell).items()})
    arrays.update({f"extra.{name}": value for name, value in (extra or {}).items()})
    meta = {"format": FORMAT, **(meta or {})}
    saved = [{"name": name, "data": value if isinstance(value, Tensor) else Tensor(np.asarray(value))}
             for name, value in arrays.items()]
    with atomic_path(path) as temporary:
        try:
            ms.save_checkpoint(saved, temporary, append_dict={"meta": json.dumps(meta)}, crc_check=True)
        except (RuntimeError, OSError) as error:
            raise UserError(f"{path}: the checkpoint cannot be written: {str(error).strip().splitlines()[0]}") from None


def _arrays(parameters):
    return {parameter.name: Tensor(parameter.asnumpy()) for parameter in parameters}


def optimizer_state(step_cell):
    """name -> array of all optimizer state: moments, powers, step number, schedule (not the weights)."""
    names, state = {parameter.name for parameter in step_cell.optimizer.parameters}, {}
    for parameter in step_cell.optimizer.get_parameters():
        if parameter.name not in names:
            state[parameter.name] = parameter.asnumpy().copy()
    return state


def scaler_state(step_cell):
    """name -> array of the loss scaler: its scale and the count of good steps."""
    return {name: parameter.asnumpy().copy() for name, parameter in _scaler_parameters(step_cell).items()}


def _scaler_parameters(step_cell):
    scaler = step_cell.scaler
    return {} if scaler is None else {name: value for name, value in vars(scaler).items()
                                      if isinstance(value, Parameter)}


def read_checkpoint(path, flag="--ckpt_file"):
    """Read a checkpoint of this project or a plain MindSpore one.

    Args:
        path (str): the file.
        flag (str): what named it, for the error text.

    Returns:
        Checkpoint.

    Raises:
        UserError: missing, truncated or damaged file, or one that does not fit into the memory.
    """
    if not os.path.isfile(path):
        raise UserError(f"checkpoint {path} {'is a folder' if os.path.isdir(path) else 'does not exist'} ({flag})")
    if os.path.getsize(path) == 0:
        raise UserError(f"checkpoint {path} is empty: take an older one or download it again")
    try:
        with _framework_silent(), _true_memory():
            loaded = ms.load_checkpoint(path, crc_check=True)
    except (ValueError, RuntimeError, OSError, TypeError, MemoryError) as error:
        if isinstance(error.__cause__ or error, MemoryError) or "available memory" in str(error):
            raise UserError(f"checkpoint {path} ({os.path.getsize(path) >> 20} MB) cannot be read: there is not enough "
                            "free memory; end other programs") from None
        raise UserError(f"checkpoint {path} is damaged or is no MindSpore checkpoint: take an older one, download it "
                        "again, or convert PyTorch and TensorFlow weights with tools/pth2ckpt.py") from None
    checkpoint = Checkpoint(path, {})
    for name, value in loaded.items():
        if name == "meta" and isinstance(value, str):
            checkpoint.meta = json.loads(value)
            continue
        group, _, rest = name.partition(".")
        target = getattr(checkpoint, group) if group in GROUPS and rest else checkpoint.weights
        target[rest if target is not checkpoint.weights else name] = value.asnumpy().copy()
    return checkpoint


@contextlib.contextmanager
def _true_memory():
    """Let the framework see how much memory there is.

    It refuses files that are larger than the free memory, and counts as taken what the system's cache of files would
    give back at once: where much has been read, it would call every checkpoint too large.
    """
    asked = "_get_available_memory"
    original = getattr(serialization, asked, None)
    if original is None:
        yield
        return
    setattr(serialization, asked, _available_memory)
    try:
        yield
    finally:
        setattr(serialization, asked, original)


def _available_memory():
    """Bytes that programs can get, or None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            return next(1024 * int(line.split()[1]) for line in stream if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None


class _framework_silent:
    """Keep the framework's own error lines off the terminal while a damaged file is tried."""

    def __enter__(self):
        self.logger = logging.getLogger("ME")
        self.disabled, self.logger.disabled = self.logger.disabled, True

    def __exit__(self, *_):
        self.logger.disabled = self.disabled


def load_weights(network, checkpoint, allow_partial=False):
    """Put the weights of a checkpoint into a network; every name has to be accounted for.

    Args:
        network (Cell): target.
        checkpoint (Checkpoint or str): source, or its path.
        allow_partial (bool): load what fits in name and shape, and only list the rest.

    Returns:
        Checkpoint.

    Raises:
        UserError: names that are missing, unexpected or of another shape, all listed; nothing is changed then.
    """
    checkpoint = read_checkpoint(checkpoint) if isinstance(checkpoint, str) else checkpoint
    wanted = {parameter.name: parameter for parameter in network.get_parameters()}
    given = checkpoint.weights
    missing = sorted(set(wanted) - set(given))
    unexpected = sorted(set(given) - set(wanted))
    misshaped = sorted(f"{name} is {given[name].shape}, the network has {tuple(wanted[name].shape)}"
                       for name in set(wanted) & set(given) if given[name].shape != tuple(wanted[name].shape))
    problems = [f"{title}: {_some(names)}" for title, names in
                (("missing", missing), ("unexpected", unexpected), ("of another shape", misshaped)) if names]
    if problems:
        text = f"checkpoint {checkpoint.path} does not fit the network: " + "; ".join(problems)
        fitting = [name for name in wanted if name in given and given[name].shape == tuple(wanted[name].shape)]
        if not allow_partial:
            raise UserError(f"{text} (check the network's settings, or --allow_partial true to load the rest)")
        if not fitting:
            raise UserError(f"{text}; nothing fits, so nothing was loaded")
        LOGGER.warning("%s; the other %d parameters are loaded", text, len(fitting))
    for name, parameter in wanted.items():
        if name in given and given[name].shape == tuple(parameter.shape):
            _assign(parameter, given[name])
    return checkpoint


def _assign(parameter, array):
    parameter.set_data(Tensor(np.asarray(array), parameter.dtype))


def _some(names, limit=8):
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def restore_training(network, step_cell, checkpoint):
    """Put the weights of a checkpoint into the network, its optimizer and scaler state into the training step.

    Raises:
        UserError: the file holds weights only, or the state of another optimizer.
    """
    if not checkpoint.optimizer:
        raise UserError(f"checkpoint {checkpoint.path} holds weights only, so training cannot be resumed from it: "
                        "start a new run from it with --ckpt_file and without --resume")
    load_weights(network, checkpoint)
    own = {parameter.name for parameter in step_cell.optimizer.parameters}
    state = {parameter.name: parameter for parameter in step_cell.optimizer.get_parameters()
             if parameter.name not in own}
    _restore(state, checkpoint.optimizer, checkpoint.path, "optimizer")
    _restore(_scaler_parameters(step_cell), checkpoint.scaler, checkpoint.path, "loss scale")


def _restore(parameters, arrays, path, what):
    differing = sorted(set(parameters) ^ set(arrays))
    if differing:
        raise UserError(f"checkpoint {path} holds the {what} state of other settings; differing names: "
                        f"{_some(differing)}")
    for name, parameter in parameters.items():
        _assign(parameter, arrays[name].reshape(parameter.shape))


class CheckpointFolder:
    """The checkpoints of one run: numbered files, the newest kept. Those of an earlier run go to the folder `earlier`.

    Args:
        folder (str): where they lie; made when the first one is written.
        pattern (str): file name with the fields {step}, {epoch} and {rank} as it needs; the field {step} is a must.
        keep (int): how many of the newest stay, 0 for all.
    """

    def __init__(self, folder, pattern="checkpoint-{step}.ckpt", keep=10):
        self.folder, self.pattern, self.keep = folder, pattern, keep
        parts = re.split(r"\{(step|epoch|rank)\}", pattern)
        named = [re.escape(part) if index % 2 == 0 else rf"(?P<{part}>\d+)" for index, part in enumerate(parts)]
        self.expression = re.compile("".join(named) + "$")

    def paths(self):
        """step -> path of the files that are there, in the order of their steps."""
        found = {}
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            match = self.expression.match(name)
            if match:
                found[int(match["step"])] = os.path.join(self.folder, name)
        return dict(sorted(found.items()))

    def write(self, weights, meta, rank=0, **contents):
        """Write the checkpoint of `meta["step"]`, then remove the oldest beyond `keep`. Returns its path."""
        path = os.path.join(self.folder, self.pattern.format(step=meta["step"], epoch=meta["epoch"], rank=rank))
        write_checkpoint(path, weights, meta=meta, **contents)
        self.tidy(path, list(self.paths().values()))
        return path

    def tidy(self, path, paths):
        """Remove the oldest beyond `keep`. What a run has left here that came further than this one is set aside.

        Otherwise --resume would take it for the newest of this run, and `keep` would count it.

        Args:
            path (str): the checkpoint that was just written.
            paths (list[str]): all that count, in order.
        """
        own = paths[:paths.index(path) + 1]
        for other in paths[len(own):]:
            aside = os.path.join(self.folder, ASIDE, os.path.basename(other))
            make_folder(os.path.dirname(aside))
            os.replace(other, aside)
            LOGGER.warning("%s is of an earlier run: it is in the folder %s now", other, ASIDE)
        for old in own[:max(0, len(own) - self.keep)] if self.keep else ():
            os.remove(old)

    def newest(self):
        """The newest readable checkpoint, or None. A damaged one is reported and the one before it is taken."""
        for path in reversed(self.paths().values()):
            try:
                return read_checkpoint(path)
            except UserError as error:
                LOGGER.warning("%s; trying the one before it", error)
        return None

    def at(self, step):
        """The checkpoint of exactly this step.

        Raises:
            UserError: there is none; the text lists which there are.
        """
        paths = self.paths()
        if step not in paths:
            there = ", ".join(str(number) for number in paths) or "none"
            raise UserError(f"no checkpoint of step {step} in {self.folder} (there: {there})")
        return read_checkpoint(paths[step])


def find_checkpoint(ckpt_file, output_dir, how, flag="--ckpt_file"):
    """The checkpoint that a command works on: `ckpt_file`, or else the newest below `output_dir`.

    Args:
        ckpt_file (str): path, may be empty.
        output_dir (str): folder that is searched, with all folders below it.
        how (str): what a user does to get one, for the error text.
        flag (str): what named `ckpt_file`, for the error text.

    Raises:
        UserError: there is none.
    """
    if ckpt_file:
        return read_checkpoint(ckpt_file, flag)
    found = [os.path.join(folder, name) for folder, _, names in os.walk(output_dir)
             for name in names if name.endswith(".ckpt") and not name.startswith(".")]
    for path in sorted(found, key=os.path.getmtime, reverse=True):
        try:
            checkpoint = read_checkpoint(path)
        except UserError as error:
            LOGGER.warning("%s; trying the one before it", error)
            continue
        LOGGER.info("Checkpoint: %s (the newest below %s; --ckpt_file names another)", path, output_dir)
        return checkpoint
    raise UserError(f"no checkpoint: --ckpt_file is empty and there is none below {output_dir}. {how}")
