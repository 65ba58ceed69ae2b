"""Settings that a checkpoint carries: for using its network, and for continuing its run."""
from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from common.config import Config, check_type
from common.errors import UserError, counted
from common.limits import check_numbers

if TYPE_CHECKING:
    from common.engine.checkpoint import Checkpoint

LOGGER = logging.getLogger("mindhuman")


def require_model(checkpoint: Checkpoint, model: str) -> Checkpoint:
    """Refuse a checkpoint of another model. Files of other makers do not say whose they are: they pass.

    Args:
        checkpoint (Checkpoint): of `read_checkpoint`.
        model (str): whose it has to be, such as hmr.

    Raises:
        UserError: it is another one's.
    """
    maker = checkpoint.meta.get("model", model)
    if maker != model:
        raise UserError(f"checkpoint {checkpoint.path} is one of {maker}, not of {model}: name one of {model}, or take "
                        f"the commands of {maker}")
    return checkpoint


def adopt_settings(checkpoint: Checkpoint, config: Config, keys: Iterable[str],
                   suggested: Iterable[str] = ()) -> Config:
    """The settings with those of a checkpoint in place of the defaults and of --config_path.

    A file of other makers says nothing about itself: then the settings hold as given.

    Args:
        checkpoint (Checkpoint): of `read_checkpoint`.
        keys (iterable[str]): settings that belong to the network.
        suggested (iterable[str]): settings that hold unless this run was given others.

    Returns:
        Config: as `config`, with what the checkpoint knows.

    Raises:
        UserError: a flag was typed that contradicts the checkpoint.
    """
    saved = checkpoint.meta.get("config", {})
    changes = {key: saved[key] for key in suggested if key in saved and key not in config.given}
    for key in keys:
        if key not in saved:
            continue
        if config[key] != saved[key]:
            if key in config.typed:
                raise UserError(f"--{key} {config[key]} contradicts checkpoint {checkpoint.path}, which was made with "
                                f"{key} {saved[key]}: leave the flag out")
            if key in config.given:
                LOGGER.info("%s is %s, as checkpoint %s was made, not %s as in --config_path", key, saved[key],
                            checkpoint.path, config[key])
        changes[key] = saved[key]
    said = f"checkpoint {checkpoint.path}: "
    changes = {key: check_type(value, config[key], f"{said}{key}") for key, value in changes.items()}
    check_numbers(changes, said=said)
    return config.replace(**changes)


def require_same_settings(checkpoint: Checkpoint, config: Config, may_differ: Collection[str],
                          batch_keys: Collection[str], rank_size: int, flag: str = "--resume") -> None:
    """Refuse to continue a run with settings on which its numbers depend.

    The number of workers may change as long as all of them together take as many samples per update as before: the
    samples of an epoch are one stream that is dealt out, so the continued run sees the ones that it would have seen.

    Args:
        checkpoint (Checkpoint): where the run stands.
        may_differ (set): settings that may differ; all others must agree, as far as the checkpoint knows them.
        batch_keys (tuple): the ones among these that count samples per worker.
        rank_size (int): workers of this run.
        flag (str): the flag that asks for the continuation.

    Raises:
        UserError: another setting, or another number of samples per update.
    """
    saved = checkpoint.meta.get("config", {})
    workers = checkpoint.meta.get("rank_size", rank_size)
    for key in config:
        if key in may_differ or key not in saved:
            continue
        if key in batch_keys:
            if saved[key] * workers != config[key] * rank_size:
                fitting, rest = divmod(saved[key] * workers, rank_size)
                advice = f"give --{key} {fitting}" if not rest else "take as many workers as before"
                raise UserError(f"{flag}: {checkpoint.path} was made with {key} {saved[key]} on "
                                f"{counted(workers, 'worker')}, this run has {config[key]} on {rank_size}; {advice}")
        elif config[key] != saved[key]:
            raise UserError(f"{flag}: {checkpoint.path} was made with {key} {saved[key]}, this run has {config[key]}; "
                            "a continued run needs the same setting")


def say_unread(config: Config, flags: Iterable[str], start: Checkpoint) -> None:
    """Say of typed flags that name a part's weights that a whole checkpoint is read instead."""
    for flag in flags:
        if flag in config.typed:
            LOGGER.info("--%s is not read: these weights come from %s", flag, start.path)
