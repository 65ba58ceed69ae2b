"""Conventions of the published HMR weights. A profile travels in every checkpoint: with another one the same weights
give a degraded body, or one that stands on its head.

Sources: MandyMo/pytorch_HMR, nkolot/SPIN, akanazawa/hmr.
"""
from dataclasses import asdict, dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Profile:
    """What differs between the published networks.

    Attributes:
        profile (str): the name.
        encoder (str): "resnet" (torchvision's V1) or "resnet_v2" (TensorFlow slim's pre-activation form).
        rotations (str): what the regressor predicts for each joint, "axis_angle" or "rot6d".
        activation (bool): ReLU after the regressor's hidden layers.
        colour (str): order of the image's channels, "rgb" or "bgr".
        mean, std (tuple): per channel in that order; the network sees (value / 255 - mean) / std.
        rotate_base (bool): the predicted root rotation lacks a half turn about x, which is applied before posing.
        train_mean (bool): the regressor's start learns too.
        critic_activation (bool): ReLU after the critic's layers that all joints share.
        critic_shape_sizes (tuple): widths of the hidden layers of the critic's shape part.
    """

    profile: str
    encoder: str = "resnet"
    rotations: str = "axis_angle"
    activation: bool = True
    colour: str = "rgb"
    mean: tuple = (0.5, 0.5, 0.5)
    std: tuple = (0.5, 0.5, 0.5)
    rotate_base: bool = False
    train_mean: bool = False
    critic_activation: bool = False
    critic_shape_sizes: tuple = (5,)

    def settings(self):
        """The profile as plain values, for a checkpoint."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


PROFILES = {profile.profile: profile for profile in (
    Profile("pytorch_hmr", colour="bgr", rotate_base=True),
    Profile("spin", rotations="rot6d", activation=False, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    Profile("tf", encoder="resnet_v2", train_mean=True, critic_activation=True, critic_shape_sizes=(10, 5)),
)}


def find_profile(name):
    """The profile of that name.

    Raises:
        UserError: there is none.
    """
    if not isinstance(name, str) or name not in PROFILES:
        raise UserError(f"--profile {name}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


def profile_of(settings, source):
    """The profile that a checkpoint's settings name.

    Args:
        settings (dict): `config` of the checkpoint's meta.
        source (str): file name for error texts.

    Raises:
        UserError: no profile, an unknown one, or one that means something else here.
    """
    if "profile" not in settings:
        raise UserError(f"{source} does not say which conventions its weights follow: convert it again with "
                        "tools/pth2ckpt.py --model hmr")
    profile = find_profile(settings["profile"])
    for key, value in profile.settings().items():
        if key in settings and settings[key] != value:
            raise UserError(f"{source} was written with {key} {settings[key]}, but profile {profile.profile} means "
                            f"{value} here: convert or train it again")
    return profile


def network_input(picture, profile):
    """A picture as the network of a profile takes it.

    Args:
        picture (array): (H, W, 3) RGB, values 0 to 255, uint8 or float32.
        profile (Profile): the conventions.

    Returns:
        array: (3, H, W) float32.
    """
    from common.data.image import normalize  # here, as settings need this module and not OpenCV

    channels = picture[..., ::-1] if profile.colour == "bgr" else picture
    return normalize(np.ascontiguousarray(channels), profile.mean, profile.std)
