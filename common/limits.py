"""What settings may be: a range for each number's name, which means the same in all models; choices, order, multiples.

The lower bounds are what makes sense; the upper ones are far beyond any use, and below what would take the machine's
memory or hours before a message comes.
"""
from collections.abc import Mapping
from typing import NamedTuple

from common.errors import UserError, brief


class Range(NamedTuple):
    """Numbers from `least` (without it where `above` is set) to `most`."""

    least: float
    most: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most and not (self.above and value == self.least)

    def __str__(self) -> str:
        return f"{f'above {self.least:g}, up' if self.above else f'from {self.least:g}'} to {self.most:,}"


_COUNT, _NUMBER = 2 ** 31 - 1, 10 ** 9
LIMITS = {name: limits for limits, names in (
    # Networks
    (Range(0, 32), "num_layers"),
    (Range(1, 16), "num_stages"),
    (Range(1, 32), "iterations"),
    (Range(1, 8192), "linear_size hidden_size discriminator_size"),
    (Range(1, 4096), "num_channels"),
    (Range(1, 152), "depth resnet_type hand_resnet_type face_resnet_type"),
    (Range(0, 8, above=True), "width resnet_widths"),
    (Range(0, 8), "backbone_width"),
    # Images and maps, px and cells
    (Range(32, 4096), "insize inference_img_size crop_size img_res input_img_shape input_body_shape input_hand_shape "
                      "input_face_shape"),
    (Range(1, 128), "output_hm_shape output_hand_hm_shape"),
    (Range(0, 8, above=True), "inference_scales"),
    (Range(0, 100, above=True), "min_scale max_scale scale_min scale_max crop_scale heatmap_sigma paf_sigma "
                                "body_3d_size hand_3d_size face_3d_size camera_3d_size hand_camera_3d_size"),
    (Range(0, 1_000_000, above=True), "min_box_size max_box_size focal focal_length lr_dec_factor"),
    (Range(0, 100_000), "min_keypoints min_size trans_max center_perterb_max max_rotate_degree rot_factor noise_px"),
    (Range(0, _NUMBER), "min_area clip_norm loss_scale e_wd d_wd wd e_loss_weight e_3d_loss_weight e_3d_kp_ratio "
                        "e_shape_ratio e_pose_ratio d_loss_weight d_disc_ratio bn_epsilon warmup_epoch"),
    # Shares
    (Range(0, 1), "max_overlap flip_prob bn_momentum adam_beta1 noise_factor scale_factor min_confidence "
                  "virtual_cameras"),
    (Range(0, 1, above=True), "dropout"),
    # Training
    (Range(0, 1000, above=True), "lr e_lr d_lr lr_decay camera_lr_factor lr_gamma"),
    (Range(1, 16_384), "batch_size eval_batch_size test_batch_size accumulate steps_per_launch"),
    (Range(0, 16_384), "batch_3d_size adv_batch_size export_batch_size"),
    (Range(1, 1024), "num_workers"),
    (Range(1, 1_000_000), "epochs"),
    (Range(1, _COUNT), "log_interval eval_every mpi_every"),
    (Range(0, _COUNT), "load save_every_steps save_steps ckpt_interval checkpoint_steps summary_steps log_freq "
                       "warmup_steps vgg_frozen_steps lr_steps lr_dec_epoch iter_count keep_checkpoint_max time_to_run "
                       "eva_num eval_num frame_max number_people_max"),
    (Range(0, 2 ** 32 - 1), "seed"),
    (Range(0, 1023), "device_id"),
    (Range(0, 4), "keypoint_scale"),
    (Range(1, 240), "fps"),
) for name in names.split()}


def check_numbers(settings: Mapping, may_be_zero: tuple = (), said: str = "--") -> None:
    """Refuse numbers that cannot be, or that would keep the machine busy for nothing.

    Args:
        settings: key -> value; what has no range, and what is no number, passes.
        may_be_zero: keys for which 0 has a meaning in this command, though not in every one.
        said: what stands before the key in error texts.

    Raises:
        UserError: the first key whose value, or one of its values, lies outside its range.
    """
    for key, value in settings.items():
        numbers = value if isinstance(value, list) else [value]
        numbers = [number for number in numbers if isinstance(number, int | float) and not isinstance(number, bool)]
        if key not in LIMITS or key in may_be_zero and value == 0:
            continue
        if any(number not in LIMITS[key] for number in numbers):
            kind = "whole number" if isinstance(numbers[0], int) else "number"
            what = f"a {kind}" if numbers == [value] else f"{kind}s"
            raise UserError(f"{said}{key} {brief(value)}: write {what} {LIMITS[key]}")


def check_choices(settings: Mapping, choices: Mapping) -> None:
    """Refuse values that are none of those that a setting has.

    Args:
        settings: key -> value, or a list of values.
        choices: key -> the values that it may have.

    Raises:
        UserError: the first key with another value.
    """
    for key, values in choices.items():
        given = settings[key]
        for value in given if isinstance(given, (list, tuple)) else (given,):
            if value not in values:
                raise UserError(f"--{key} {value}: choose one of {', '.join(map(str, values))}")


def check_order(settings: Mapping, *pairs: tuple) -> None:
    """Refuse a lower bound above its upper one; `pairs` are the keys of both.

    Raises:
        UserError: the first such pair.
    """
    for low, high in pairs:
        if settings[low] > settings[high]:
            raise UserError(f"--{low} {settings[low]} is more than --{high} {settings[high]}")


def check_multiples(settings: Mapping, grids: Mapping) -> None:
    """Refuse sizes that are no multiples of what layers make of them; `grids` is key -> the number.

    Raises:
        UserError: the first such size.
    """
    for key, grid in grids.items():
        if settings[key] % grid:
            near = max(1, round(settings[key] / grid)) * grid
            raise UserError(f"--{key} {settings[key]}: write a multiple of {grid}, such as {near}")


def check_given(settings: Mapping, needed: Mapping) -> None:
    """Refuse settings that are left empty; `needed` is key -> what it names.

    Raises:
        UserError: the first such key.
    """
    for key, what in needed.items():
        if not settings[key]:
            raise UserError(f"--{key} is missing: name {what}")
