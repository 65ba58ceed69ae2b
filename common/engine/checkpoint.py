"""Checkpoints: one file from which a run continues exactly, or whose weights a network loads strictly.

The file is an ordinary MindSpore checkpoint. Weights stand under the network's own parameter names; beside them are
`optimizer.*` and `scaler.*` (what the training step needs to go on), `extra.*` (arrays that belong to the weights,
such as normalisation statistics) and `meta`, a JSON text with the step, the position in the data and the settings.
"""
from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from mindspore import Parameter, Tensor

from common.config import present_names
from common.convert.named_weights import small_weights
from common.engine.checkpoint_file import DamagedCheckpoint, parse_entries, write_entries
from common.engine.checkpoint_meta import check_meta
from common.errors import UserError, reason, some
from common.files import atomic_path, set_aside

if TYPE_CHECKING:
    from mindspore import nn

    from common.engine.train_step import TrainStep

LOGGER = logging.getLogger("mindhuman")
GROUPS = ("optimizer", "scaler", "extra")
FORMAT = 1
ASIDE = "earlier"


@dataclass
class Checkpoint:
    """What a file holds; every array is a copy of its own.

    Args:
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


def write_checkpoint(path: str, weights: nn.Cell | dict, extra: dict | None = None, meta: dict | None = None,
                     step_cell: TrainStep | None = None) -> None:
    """Write a checkpoint at once (temporary file, flush, rename).

    Args:
        path (str): target, with the ending .ckpt.
        weights (Cell or dict): a network, or name -> array.
        extra (dict): name -> array that belongs to the weights.
        meta (dict): JSON-able facts.
        step_cell (TrainStep): the training step whose optimizer and scaler state is kept; None for weights only.

    Raises:
        UserError: NaN or infinity among the numbers, or the file cannot be written.
    """
    arrays = dict(weights) if isinstance(weights, dict) else \
        {parameter.name: parameter.asnumpy() for parameter in weights.get_parameters()}
    if step_cell is not None:
        arrays.update({f"{group}.{name}": parameter.asnumpy().copy()
                       for group, state in training_state(step_cell).items() for name, parameter in state.items()})
    arrays.update({f"extra.{name}": value for name, value in (extra or {}).items()})
    # First, so that a file whose end is missing is known as one of this project.
    entries = [("meta", json.dumps({"format": FORMAT, **(meta or {})}))]
    arrays = {name: value.asnumpy() if isinstance(value, Tensor) else np.asarray(value)
              for name, value in arrays.items()}
    _require_numbers(arrays, f"checkpoint {path} is not written", "begin again from an older one, with a smaller "
                     "learning rate")
    entries += arrays.items()
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        write_entries(stream, entries)


def training_state(step_cell: TrainStep) -> dict[str, dict[str, Parameter]]:
    """What a step goes on with besides the weights, name -> parameter each.

    `optimizer`: moments, powers, step number, schedule; `scaler`: the loss scale and the count of good steps.
    """
    weights = {parameter.name for parameter in step_cell.optimizer.parameters}
    return {"optimizer": {parameter.name: parameter for parameter in step_cell.optimizer.get_parameters()
                          if parameter.name not in weights},
            "scaler": {name: value for name, value in vars(step_cell.scaler).items() if isinstance(value, Parameter)}
            if step_cell.scaler is not None else {}}


def read_checkpoint(path: str, flag: str = "--ckpt_file") -> Checkpoint:
    """Read a checkpoint of this project or a plain MindSpore one.

    Args:
        flag (str): what named it, for the error text.

    Raises:
        UserError: missing, truncated or damaged file, or one that does not fit into the memory.
    """
    if not os.path.isfile(path):
        raise UserError(f"checkpoint {path} {'is a folder' if os.path.isdir(path) else 'does not exist'} ({flag})")
    size = os.path.getsize(path)
    if size == 0:
        raise UserError(f"checkpoint {path} is empty: take an older one or download it again")
    try:
        if 2 * size > (_available_memory() or math.inf):  # the file and its arrays
            raise MemoryError
        with open(path, "rb") as stream:
            entries, has_checksum = parse_entries(stream.read())
        checkpoint = _sorted_out(path, entries)
        if not has_checksum and checkpoint.meta:
            raise DamagedCheckpoint("its checksum is missing")
    except MemoryError:
        raise UserError(f"checkpoint {path} ({size >> 20} MB) cannot be read: there is not enough free memory; end "
                        "other programs") from None
    except OSError as error:
        raise UserError(f"checkpoint {path} cannot be read: {error.strerror} ({flag})") from None
    except DamagedCheckpoint as error:
        raise UserError(f"checkpoint {path} is damaged or is no MindSpore checkpoint ({reason(error)}): take an older "
                        "one, download it again, or convert PyTorch and TensorFlow weights with tools/pth2ckpt.py"
                        ) from None
    _require_numbers(entries, f"checkpoint {path} is not used", "take an older one")
    if checkpoint.meta.get("format", FORMAT) > FORMAT:
        raise UserError(f"checkpoint {path} was written by a later version of this project: use that one")
    return checkpoint


def _sorted_out(path: str, entries: Mapping[str, np.ndarray | str]) -> Checkpoint:
    """The checkpoint that the entries of a file make. Only files of this project have groups, and they have `meta`."""
    checkpoint, texts = Checkpoint(path, {}), []
    if isinstance(entries.get("meta"), str):
        checkpoint.meta = check_meta(entries["meta"])
        if "config" in checkpoint.meta:
            checkpoint.meta["config"] = present_names(checkpoint.meta["config"])
    for name, value in entries.items():
        if name == "meta" and checkpoint.meta:
            continue
        group, _, rest = name.partition(".")
        if isinstance(value, str):
            texts.append(name)
        elif group in GROUPS and rest:
            getattr(checkpoint, group)[rest] = value
        else:
            checkpoint.weights[name] = value
    if not checkpoint.meta and any(getattr(checkpoint, group) for group in GROUPS):
        raise DamagedCheckpoint("its description is missing")
    if texts and checkpoint.meta:
        raise DamagedCheckpoint("it holds text beside its description")
    if texts:
        LOGGER.warning("checkpoint %s: text among its weights is left out: %s", path, some(texts))
    return checkpoint


def _require_numbers(arrays: Mapping[str, np.ndarray | str], said: str, advice: str) -> None:
    """Refuse NaN and infinity: with them a network answers nonsense, and a run that goes on stays lost."""
    for name, array in arrays.items():
        if not isinstance(array, str) and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(f"{said}: {name} holds NaN or infinity, as in a run that has diverged; {advice}")


def _available_memory() -> int | None:
    """Bytes that programs can get, or None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            return next(1024 * int(line.split()[1]) for line in stream if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None


def load_weights(network: nn.Cell, checkpoint: Checkpoint | str, allow_partial: bool = False) -> Checkpoint:
    """Put the weights of a checkpoint into a network; every name has to be accounted for.

    Args:
        network (Cell): target.
        checkpoint (Checkpoint or str): source, or its path.
        allow_partial (bool): load what fits in name and shape, and only list the rest.

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
    problems = [f"{title}: {some(names)}" for title, names in
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


def _assign(parameter: Parameter, array: np.ndarray) -> None:
    parameter.set_data(Tensor(np.asarray(array), parameter.dtype))


def restore_training(network: nn.Cell, step_cell: TrainStep, checkpoint: Checkpoint) -> None:
    """Put the weights of a checkpoint into the network, its optimizer and scaler state into the training step.

    Raises:
        UserError: the file holds weights only, or the state of another optimizer.
    """
    if not checkpoint.optimizer:
        raise UserError(f"checkpoint {checkpoint.path} holds weights only, so training cannot be resumed from it: "
                        "start a new run from it with --ckpt_file and without --resume")
    load_weights(network, checkpoint)
    state = training_state(step_cell)
    _restore(state["optimizer"], checkpoint.optimizer, checkpoint.path, "optimizer")
    _restore(state["scaler"], checkpoint.scaler, checkpoint.path, "loss scale")


def _restore(parameters: Mapping[str, Parameter], arrays: Mapping[str, np.ndarray], path: str, what: str) -> None:
    differing = sorted(set(parameters) ^ set(arrays))
    if differing:
        raise UserError(f"checkpoint {path} holds the {what} state of other settings; differing names: "
                        f"{some(differing)}")
    for name, parameter in parameters.items():
        _assign(parameter, arrays[name].reshape(parameter.shape))


class CheckpointFolder:
    """The checkpoints of one run: numbered files, the newest kept. Those of an earlier run go to the folder `earlier`.

    Args:
        folder (str): where they lie; made when the first one is written.
        pattern (str): file name with the field {step}, the number of updates, and {rank} where it needs it; with the
            field {epoch}, counted from 1, {step} is the number of updates in that epoch.
        keep (int): how many of the newest stay, 0 for all.
    """

    def __init__(self, folder: str, pattern: str = "checkpoint-{step}.ckpt", keep: int = 10):
        self.folder, self.pattern, self.keep = folder, pattern, keep
        parts = re.split(r"\{(step|epoch|rank)\}", pattern)
        named = [re.escape(part) if index % 2 == 0 else rf"(?P<{part}>\d+)" for index, part in enumerate(parts)]
        self.expression = re.compile("".join(named))

    def paths(self) -> dict:
        """position -> path of the files that are there, in the order of their positions, see `position`."""
        found = {}
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            match = self.expression.fullmatch(name)
            if match:
                found[self.position(match)] = os.path.join(self.folder, name)
        return dict(sorted(found.items()))

    def position(self, match: re.Match) -> object:
        """How far the run has come at a checkpoint, from its name: number of updates, or epoch and updates in it."""
        fields = match.groupdict()
        return (int(fields["epoch"]), int(fields["step"])) if "epoch" in fields else int(fields["step"])

    def name(self, meta: dict, rank: int) -> str:
        """The file name of a checkpoint, from its `meta`: see `Progress.position`, and `steps_per_epoch`."""
        if "{epoch}" not in self.pattern:
            return self.pattern.format(step=meta["step"], rank=rank)
        ended = meta["batch"] == 0  # then meta["epoch"] counts this one too
        return self.pattern.format(rank=rank, epoch=meta["epoch"] + (not ended),
                                   step=meta["steps_per_epoch"] if ended else meta["batch"])

    def write(self, weights: nn.Cell | dict, meta: dict, rank: int = 0, **contents: Any) -> str:
        """Write the checkpoint of `meta["step"]`, then remove the oldest beyond `keep`. Returns its path."""
        path = os.path.join(self.folder, self.name(meta, rank))
        write_checkpoint(path, weights, meta=meta, **contents)
        self.tidy(path, list(self.paths().values()))
        return path

    def tidy(self, path: str, paths: list[str]) -> None:
        """Remove the oldest beyond `keep`. What a run has left here that came further than this one is set aside.

        Otherwise --resume would take it for the newest of this run, and `keep` would count it.

        Args:
            path (str): the checkpoint that was just written.
            paths (list[str]): all that count, in order.
        """
        own = paths[:paths.index(path) + 1]
        others = paths[len(own):]
        folder = set_aside(others, os.path.join(self.folder, ASIDE))
        for other in others:
            LOGGER.warning("%s is of an earlier run: it is in the folder %s now", other, os.path.basename(folder))
        for old in own[:max(0, len(own) - self.keep)] if self.keep else ():
            os.remove(old)

    def newest(self) -> Checkpoint | None:
        """The newest readable checkpoint, or None. A damaged one is reported and the one before it is taken."""
        return _first_readable(reversed(self.paths().values()))

    def at(self, step: int) -> Checkpoint:
        """The checkpoint of exactly this step.

        Raises:
            UserError: there is none; the text lists which there are.
        """
        paths = self.paths()
        if step not in paths:
            there = ", ".join(str(number) for number in paths) or "none"
            raise UserError(f"no checkpoint of step {step} in {self.folder} (there: {there})")
        return read_checkpoint(paths[step])


def find_checkpoint(ckpt_file: str, output_dir: str, model: str, flag: str = "--ckpt_file",
                    read: Callable[[str, str], Checkpoint] = read_checkpoint,
                    newest: Callable[[], Checkpoint | None] | None = None, small: bool = True,
                    train: str = "python train.py") -> Checkpoint:
    """The checkpoint that a command works on: `ckpt_file`, else the newest of the user's own runs, else our small one.

    Args:
        ckpt_file (str): path, may be empty.
        output_dir (str): folder of the user's runs.
        model (str): whose weights these are, such as hmr.
        flag (str): what named `ckpt_file`, for the error text.
        read (callable): (path, flag) -> Checkpoint of a named file.
        newest (callable): () -> the newest Checkpoint of the runs, or None; by default `newest_below` the folder.
        small (bool): whether the small network of this model is of the kind that is wanted.
        train (str): command that trains one, for the error text.

    Raises:
        UserError: there is none.
    """
    if ckpt_file:
        return read(ckpt_file, flag)
    checkpoint = newest() if newest else newest_below(output_dir)
    if checkpoint is not None:
        LOGGER.info("Checkpoint: %s (the newest below %s; --ckpt_file names another)", checkpoint.path, output_dir)
        return checkpoint
    path = small_weights(model)
    if small and os.path.isfile(path):
        LOGGER.info("No --ckpt_file, and no run in %s: using weights/%s, trained on synthetic people; for real ones: "
                    "python tools/get_weights.py %s", os.path.abspath(output_dir), os.path.basename(path), model)
        return read_checkpoint(path)
    raise UserError(f"no checkpoint: --ckpt_file is empty and there is none below {os.path.abspath(output_dir)}. "
                    f"Train one ({train}), or get published weights: python tools/get_weights.py {model}")


def newest_below(folder: str) -> Checkpoint | None:
    """The newest readable checkpoint of a folder and all below it, or None. Damaged ones are reported."""
    found = [os.path.join(place, name) for place, _, names in os.walk(folder)
             for name in names if name.endswith(".ckpt") and not name.startswith(".")]
    return _first_readable(sorted(found, key=os.path.getmtime, reverse=True))


def _first_readable(paths: Iterable[str]) -> Checkpoint | None:
    for path in paths:
        try:
            return read_checkpoint(path)
        except UserError as error:
            LOGGER.warning("%s; trying the one before it", error)
    return None
