"""Mixed precision: which levels exist, what computes in half precision, and how the loss is scaled."""
import logging

import mindspore as ms
from mindspore import amp, nn

from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
LEVELS = ("O0", "O2", "O3", "auto")


# What computes in half precision, by the class of the network: names of its parts, "" for the whole. All else stays in
# float32: sums over thousands of vertices, small corrections added up, rotations, box coordinates, cameras and losses
# need all digits. So do the Float32Cells (`common.precision`) inside of these parts: soft-argmax, feature sampling and
# the like; and at O2 batch norm.
HALF_PARTS = {
    "LinearModel": ("",),
    "OpenPose": ("",),
    "HMR": ("encoder",),
    "CMR": ("graph_cnn.resnet",),
    "Hand4Whole": ("backbone", "hand_roi_net", "face_roi_net", "body_position_net", "body_rotation_net", "box_net",
                   "hand_position_net", "hand_rotation_net", "face_regressor"),
    "HandOnly": ("backbone", "position_net", "rotation_net"),
}


def check_amp(level: str, device_target: str) -> None:
    """Refuse an unknown level; warn where mixed precision only costs time."""
    if level not in LEVELS:
        raise UserError(f"--amp_level {level}: choose one of {', '.join(LEVELS)}")
    if level != "O0" and device_target == "CPU":
        LOGGER.warning("--amp_level %s on CPU: float16 is emulated by casts and is slower than O0", level)


def apply_amp(network: nn.Cell, level: str) -> nn.Cell:
    """Let the parts of a network that `HALF_PARTS` names compute in float16; its parameters stay float32.

    O2 and auto keep batch norm in float32, O3 casts the framework's too. The given Cell is changed and keeps its
    parameters' names.

    Returns:
        Cell: the network, whose output is float32.

    Raises:
        KeyError: a network that the table does not know.
    """
    if level == "O0":
        return network
    cells = dict(network.cells_and_names())
    for part in HALF_PARTS[type(network).__name__]:
        mixed = amp.auto_mixed_precision(cells[part], amp_level=level, dtype=ms.float16)
    return network if part else mixed


def build_scaler(loss_scale: str) -> amp.LossScaler | None:
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
