"""Conventions of the published HMR weights. They travel in every checkpoint: with others the same weights
give a degraded body, or one that stands on its head.

Sources: MandyMo/pytorch_HMR, nkolot/SPIN, akanazawa/hmr.
"""
from dataclasses import asdict, dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Convention:
    """What differs between the published networks.

    Attributes:
        name (str): as in --convention.
        encoder (str): "resnet" (torchvision's V1) or "resnet_v2" (TensorFlow slim's pre-activation form).
        rotations (str): what the regressor predicts for each joint, "axis_angle" or "rot6d".
        activation (bool): ReLU after the regressor's hidden layers.
        colour (str): order of the image's channels, "rgb" or "bgr".
        mean, std (tuple): per channel in that order; the network sees (value / 255 - mean) / std.
        rotate_base (bool): the predicted root rotation lacks a half turn about x, which is applied before posing.
        train_mean (bool): the regressor's start learns too.
        discriminator_activation (bool): ReLU after the discriminator's layers that all joints share.
        discriminator_shape_sizes (tuple): widths of the hidden layers of the discriminator's shape part.
    """

    name: str
    encoder: str = "resnet"
    rotations: str = "axis_angle"
    activation: bool = True
    colour: str = "rgb"
    mean: tuple = (0.5, 0.5, 0.5)
    std: tuple = (0.5, 0.5, 0.5)
    rotate_base: bool = False
    train_mean: bool = False
    discriminator_activation: bool = False
    discriminator_shape_sizes: tuple = (5,)

    def settings(self):
        """The conventions as plain values, for a checkpoint."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {"convention": values.pop("name"), **values}


CONVENTIONS = {convention.name: convention for convention in (
    Convention("pytorch_hmr", colour="bgr", rotate_base=True),
    Convention("spin", rotations="rot6d", activation=False, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    Convention("tf", encoder="resnet_v2", train_mean=True, discriminator_activation=True,
               discriminator_shape_sizes=(10, 5)),
)}


def find_convention(name):
    """The convention of that name.

    Raises:
        UserError: there is none.
    """
    if not isinstance(name, str) or name not in CONVENTIONS:
        raise UserError(f"--convention {name}: choose one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]


def convention_of(settings, source):
    """The convention that a checkpoint's settings name.

    Args:
        settings (dict): `config` of the checkpoint's meta.
        source (str): file name for error texts.

    Raises:
        UserError: no convention, an unknown one, or one that means something else here.
    """
    if "convention" not in settings:
        raise UserError(f"{source} does not say which conventions its weights follow: convert it again with "
                        "tools/pth2ckpt.py --model hmr")
    convention = find_convention(settings["convention"])
    for key, value in convention.settings().items():
        if key in settings and settings[key] != value:
            raise UserError(f"{source} was written with {key} {settings[key]}, but convention {convention.name} means "
                            f"{value} here: convert or train it again")
    return convention


def network_input(image, convention):
    """An image as the network of a convention takes it: (3, H, W) float32.

    Args:
        image (array): (H, W, 3) RGB, values 0 to 255, uint8 or float32.
        convention (Convention): the conventions.
    """
    from common.data.image import normalize  # here, as settings need this module and not OpenCV

    channels = image[..., ::-1] if convention.colour == "bgr" else image
    return normalize(np.ascontiguousarray(channels), convention.mean, convention.std)
