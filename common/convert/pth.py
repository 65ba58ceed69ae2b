"""PyTorch and npz weight files to numpy arrays. PyTorch is imported here and nowhere else in `common`."""
from __future__ import annotations

import os
import pickle
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from common.data.restricted_pickle import load_npz
from common.errors import UserError

if TYPE_CHECKING:
    import torch

STATE_KEYS = ("state_dict", "network", "model", "model_state_dict")


def read_weights(path: str, flag: str = "--pth_path") -> tuple[dict[str, np.ndarray], dict]:
    """Read named arrays.

    Args:
        path (str): a PyTorch file (.pth, .pt, .pth.tar, .pkl; loaded with weights_only=True, so that it cannot run
            code) or an .npz with one array per name.
        flag (str): what named it, for the error text.

    Returns:
        tuple: dict name -> array, the prefix `module.` of DataParallel taken off; dict of the other entries of the
        file (epoch, step, ...).

    Raises:
        UserError: missing, damaged or refused file, or PyTorch is not installed.
    """
    if not os.path.isfile(path):
        raise UserError(f"weights {path} {'are a folder' if os.path.isdir(path) else 'do not exist'} ({flag})")
    arrays, others = _read_npz(path) if path.endswith(".npz") else _read_torch(path)
    if not arrays:
        raise UserError(f"{path} holds no named weights")
    unnamed = [name for name in arrays if not isinstance(name, str)]
    if unnamed:
        raise UserError(f"{path} holds arrays whose keys are no names: {unnamed[:3]}")
    if all(name.startswith("module.") for name in arrays):
        arrays = {name[len("module."):]: array for name, array in arrays.items()}
    return arrays, others


def _read_npz(path: str) -> tuple[dict[str, np.ndarray], dict]:
    arrays = load_npz(path)
    pickled = [name for name, array in arrays.items()
               if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc"]
    if pickled:
        raise UserError(f"{path}: {', '.join(pickled[:8])} are no arrays of numbers")
    return arrays, {}


def _read_torch(path: str) -> tuple[dict[str, np.ndarray], dict]:
    try:
        import torch
    except ImportError:
        raise UserError(f"{path}: reading PyTorch files needs PyTorch: bash scripts/setup.sh --convert") from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next((line.strip() for line in str(error).splitlines() if "Unsupported" in line or "GLOBAL" in line),
                      "")
        raise UserError(f"{path} is damaged, or holds more than weights and was refused{': ' if reason else ''}"
                        f"{reason}") from None
    # What a damaged file fails with depends on where its offsets lead.
    except Exception:
        raise UserError(f"{path} is damaged or is no PyTorch file") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}, not named weights")
    key = next((key for key in STATE_KEYS if isinstance(content.get(key), dict)), None)
    if key is None:
        content = _joined(content, torch)
    state = content if key is None else content[key]
    arrays = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    sparse = [name for name, value in arrays.items() if value.layout != torch.strided]
    surplus = [name for name in state if name not in arrays] if key is not None else []
    if sparse or surplus:
        raise UserError(f"{path}: among its weights, {', '.join(map(str, (sparse + surplus)[:8]))} are no plain arrays")
    others = {name: value for name, value in content.items() if name != key and (key is not None or name not in arrays)}
    return {name: _array(value) for name, value in arrays.items()}, others


def _joined(content: dict, torch: ModuleType) -> dict:
    """Several networks in one file, as {network: {name: tensor}}: names become `network.name`."""
    joined = {}
    for name, value in content.items():
        if isinstance(value, dict) and value and all(isinstance(part, torch.Tensor) for part in value.values()):
            joined.update({f"{name}.{inner}": part for inner, part in value.items()})
        else:
            joined[name] = value
    return joined


def _array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor's values; numpy has no bfloat16, and float32 holds it exactly."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor).numpy()
