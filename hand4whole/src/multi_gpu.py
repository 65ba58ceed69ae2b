"""`--gpu 0,1`: the cards of a command. Several cards get one worker each, started by scripts/run_workers.py."""
import logging
import os
import re
import sys

from common.engine.devices import choose, probe
from common.errors import UserError, counted
from common.log import set_up_logging

LOGGER = logging.getLogger("mindhuman")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VISIBLE = {"GPU": "CUDA_VISIBLE_DEVICES", "Ascend": "ASCEND_RT_VISIBLE_DEVICES"}


def parse_cards(text):
    """Numbers of the cards: "0", "0,1" or "0-3".

    Raises:
        UserError: another text, or a card named twice.
    """
    cards = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise UserError(f"--gpu {text}: write numbers of cards, such as 0,1 or 0-3")
        cards += range(first, last + 1)
    if len(set(cards)) < len(cards):
        raise UserError(f"--gpu {text} names a card twice")
    return cards


def use_cards(config, script, argv, first_only=False):
    """The settings for the cards that --gpu names; with several cards this process becomes their launcher.

    Where no card can be used and none is insisted on, --gpu is left aside: the CPU does the work in one process. With
    `--device_target CPU` it counts processes on the CPU.

    Args:
        config (Config): with `gpu_ids`, `device_target`, `output_dir`.
        script (str): path of the entry script.
        argv (list[str]): its arguments.
        first_only (bool): one process is enough, on the first of the cards.

    Returns:
        Config: for one process.

    Raises:
        UserError: no numbers of cards, or a card that is not there.
    """
    if not config.gpu_ids or os.environ.get("MS_ROLE"):
        return config
    cards = parse_cards(config.gpu_ids)
    set_up_logging()
    target, reason = choose(config.device_target)
    if target == "CPU" and config.device_target.upper() != "CPU":
        LOGGER.warning("--gpu %s is left aside, the CPU does the work (%s)", config.gpu_ids, reason)
        return config
    if target != "CPU" and max(cards) >= probe(target).count:
        raise UserError(f"--gpu {config.gpu_ids}: this machine shows "
                        f"{counted(probe(target).count, f'{target} device')}, numbered from 0")
    if len(cards) == 1 or first_only:
        return config.replace(device_id=0 if target == "CPU" else cards[0])
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if target != "CPU":
        environment[VISIBLE[target]] = ",".join(map(str, cards))
    logs = os.path.join(os.path.abspath(config.output_dir), "log", "workers")
    LOGGER.info("%d workers on %s %s; their logs are in %s", len(cards), target, config.gpu_ids, logs)
    sys.stdout.flush()
    launcher = os.path.join(ROOT, "scripts", "run_workers.py")
    os.execve(sys.executable, [sys.executable, launcher, str(len(cards)), logs, os.path.abspath(script), *argv,
                               "--device_target", target], environment)
