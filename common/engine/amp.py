"""Mixed precision: which levels exist, and how the loss is scaled."""
import logging

import mindspore as ms
from mindspore import amp

from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
LEVELS = ("O0", "O2", "O3", "auto")


def check_amp(level, device_target):
    """Refuse an unknown level; warn where mixed precision only costs time."""
    if level not in LEVELS:
        raise UserError(f"--amp_level {level}: choose one of {', '.join(LEVELS)}")
    if level != "O0" and device_target == "CPU":
        LOGGER.warning("--amp_level %s on CPU: float16 is emulated by casts and is slower than O0", level)


def apply_amp(network, level):
    """Wrap a network for float16 computation; its output is float32 again and its parameters stay float32.

    O2 and auto keep batch norm in float32, O3 casts everything. The given Cell keeps its parameters' names.
    """
    return network if level == "O0" else amp.auto_mixed_precision(network, amp_level=level, dtype=ms.float16)


def build_scaler(loss_scale):
    """The loss scaler that a text names: `none`, `dynamic` or a fixed positive number.

    Returns:
        None, DynamicLossScaler (starts at 2**16, doubles after 2000 good steps, halves after an overflow) or
        StaticLossScaler.
    """
    if loss_scale in ("none", ""):
        return None
    if loss_scale == "dynamic":
        return amp.DynamicLossScaler(scale_value=2.0 ** 16, scale_factor=2, scale_window=2000)
    try:
        value = float(loss_scale)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise UserError(f"--loss_scale {loss_scale}: write none, dynamic or a positive number")
    return amp.StaticLossScaler(scale_value=value)
