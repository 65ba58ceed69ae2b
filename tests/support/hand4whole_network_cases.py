"""Both networks with the weights, images and targets of the reference cases."""
import json

import hand4whole_golden as reference
import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from hand4whole.src.loss import HAND_TERMS, TERMS, HandLoss, NetworkWithLoss, WholeLoss
from hand4whole.src.network import Hand4Whole, HandOnly, Sizes
from hand4whole.src.targets import COLUMNS, HAND_COLUMNS
from hand4whole.src.weights import convert_weights


def keys(name):
    """Published names and shapes."""
    return json.loads((reference.FOLDER / f"{name}.keys.json").read_text())


def state(name):
    """Weights under their published names, without `module.`, changed so that untrained heat maps have peaks."""
    arrays = reference.seeded.state_dict(keys(name), reference.SEED)
    changes = json.loads((reference.FOLDER / f"{name}.overrides.json").read_text())
    for key in arrays:
        for suffix, factor in changes["scale_suffix"].items():
            if key.endswith(suffix):
                arrays[key] = arrays[key] * np.float32(factor)
        arrays[key] = arrays[key] + np.asarray(changes["add"].get(key, 0), arrays[key].dtype)
    return {key.removeprefix("module."): array for key, array in arrays.items()}


def images(name, height, width):
    stack = [reference.seeded.image(f"hand4whole/{name}{number}", height, width, reference.SEED) for number in range(2)]
    return np.stack(stack).transpose(0, 3, 1, 2).astype(np.float32) / 255


def filled(network, name):
    weights = convert_weights(state(name), {}, "", "case")[0].weights
    for parameter in network.get_parameters():
        parameter.set_data(Tensor(weights[parameter.name]))
    return network.set_train(False)


def whole():
    return filled(Hand4Whole(Sizes(), reference.model("smplx")), "network")


def hand():
    return filled(HandOnly(Sizes(), reference.model("mano_right")), "hand_only")


def _masks(folder, names, shape):
    return {name: reference.numbers(f"{folder}/{name}", shape, 0, 1) < 0.7 for name in names}


def whole_batch():
    """Image and targets in the order of `COLUMNS`."""
    numbers, cells = reference.numbers, np.array([6, 8, 8])
    batch = {"img": images("body", 512, 384), "smplx_pose": 0.4 * numbers("train/smplx_pose", (2, 159)),
             "smplx_shape_valid": [1, 0], "smplx_expr_valid": [0, 1], "is_3d": [1, 0], "lhand_bbox_valid": [1, 1],
             "rhand_bbox_valid": [1, 0], "face_bbox_valid": [0, 1],
             **_masks("train", ("joint_valid", "joint_trunc", "smplx_joint_valid", "smplx_joint_trunc"), (2, 137, 1)),
             **_masks("train", ("smplx_pose_valid",), (2, 159))}
    for name in ("joint_img", "smplx_joint_img"):
        batch[name] = numbers(f"train/{name}", (2, 137, 3), 0, 1) * cells
    for name in ("joint_cam", "smplx_joint_cam"):
        batch[name] = 0.3 * numbers(f"train/{name}", (2, 137, 3))
    for name in ("smplx_shape", "smplx_expr"):
        batch[name] = 0.5 * numbers(f"train/{name}", (2, 10))
    for part in ("lhand", "rhand", "face"):
        batch[f"{part}_bbox_center"] = numbers(f"train/{part}_bbox_center", (2, 2), 0, 6)
        batch[f"{part}_bbox_size"] = numbers(f"train/{part}_bbox_size", (2, 2), 0.5, 2.5)
    return [Tensor(np.asarray(batch[name], np.float32)) for name in COLUMNS]


def hand_batch():
    """Image and targets in the order of `HAND_COLUMNS`."""
    numbers = reference.numbers
    batch = {"img": images("hand", 256, 256), "mano_pose": 0.4 * numbers("hand_train/mano_pose", (2, 48)),
             "mano_shape": 0.5 * numbers("hand_train/mano_shape", (2, 10)), "mano_shape_valid": [1, 0],
             "is_3d": [1, 0],
             **_masks("hand_train", ("joint_trunc", "joint_valid", "mano_joint_trunc", "mano_joint_valid"), (2, 21, 1)),
             **_masks("hand_train", ("mano_pose_valid",), (2, 48))}
    for name in ("joint_img", "mano_joint_img"):
        batch[name] = numbers(f"hand_train/{name}", (2, 21, 3), 0, 8)
    for name in ("joint_cam", "mano_joint_cam"):
        batch[name] = 0.05 * numbers(f"hand_train/{name}", (2, 21, 3))
    return [Tensor(np.asarray(batch[name], np.float32)) for name in HAND_COLUMNS]


class LossAndGradients(nn.Cell):
    """Loss, its terms and the gradients of all weights."""

    def __init__(self, network, hand_only):
        super().__init__(auto_prefix=False)
        self.network = NetworkWithLoss(network, HandLoss(), HAND_TERMS) if hand_only else \
            NetworkWithLoss(network, WholeLoss(Sizes()), TERMS)
        self.parameters = network.trainable_params()
        self.gradient = ms.value_and_grad(self._loss, None, ms.ParameterTuple(self.parameters), has_aux=True)

    def _loss(self, *batch):
        return self.network(*batch)

    def construct(self, *batch):
        return self.gradient(*batch)


def gradient_norm(parameters, gradients, group):
    """L2 norm over the weights whose names begin with `group`."""
    squares = [np.square(gradient.asnumpy().astype(np.float64)).sum()
               for parameter, gradient in zip(parameters, gradients) if parameter.name.startswith(group + ".")]
    return float(np.sqrt(sum(squares)))
