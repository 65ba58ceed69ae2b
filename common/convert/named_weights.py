"""Where weights lie, and what a name after --ckpt_file stands for: `spin` for published ones, `small` for our own."""
import os

from common.config import Config
from common.convert.published import PUBLISHED, Published, find_published
from common.errors import UserError
from common.files import cache_folder

SMALL = "small"
SMALL_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "weights")


def small_weights(model: str) -> str:
    """The file of a model's small network, trained on synthetic people, which comes with the project."""
    return os.path.join(SMALL_FOLDER, f"{model}_small.ckpt")


def has_own_folder(path: str) -> bool:
    """Whether a checkpoint lies where results may go beside it: not among the shared ones, ours or fetched."""
    folder = os.path.realpath(os.path.dirname(path))
    return folder not in map(os.path.realpath, (SMALL_FOLDER, weights_folder()))


def weights_folder() -> str:
    """Where `tools/get_weights.py` leaves its results."""
    return str(cache_folder() / "weights")


def weights_path(entry: Published) -> str:
    """The file that an entry becomes."""
    return os.path.join(weights_folder(), entry.result)


def resolve_weights(text: str, model: str, flag: str = "--ckpt_file") -> str:
    """The path that a value of `flag` means: a path, the name of published weights, or `small`.

    A file that exists comes before a name.

    Raises:
        UserError: a name of weights that are not here, or neither a path nor a name.
    """
    if not text or os.path.exists(text) or os.path.basename(text) != text or os.path.splitext(text)[1]:
        return text
    if text == SMALL:
        path = small_weights(model)
        if not os.path.isfile(path):
            raise UserError(f"{flag} {text}: {path} is missing; it is part of the project: fetch it again")
        return path
    entry = find_published(model, text)
    if entry is None or not entry.checkpoint:
        names = [entry.name for entry in PUBLISHED if entry.model == model and entry.checkpoint]
        raise UserError(f"{flag} {text}: there is no such file, and {model} has no published weights of this name "
                        f"({', '.join((SMALL, *names))})")
    path = weights_path(entry)
    if not os.path.isfile(path):
        raise UserError(f"{flag} {text}: these published weights are not here yet; get them with: python "
                        f"tools/get_weights.py {model} {text}")
    return path


def with_named_weights(config: Config, model: str) -> Config:
    """The settings of a model with the names of weights replaced by paths.

    Raises:
        UserError: of `resolve_weights`.
    """
    owners = {"ckpt_file": model, "pretrained_checkpoint": model, "pretrained_model_path": model,
              "openpose_ckpt": "openpose"}
    paths = {key: resolve_weights(config[key], owner, f"--{key}") for key, owner in owners.items() if key in config}
    return config.replace(**{key: path for key, path in paths.items() if path != config[key]})
