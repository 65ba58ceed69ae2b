"""The door to all models in Python; docs/api.md shows its use.

    from mindhuman import load

    detector = load("openpose")
    model = load("hmr", weights="spin", detector=detector)
    for person in model("photo.jpg"):
        print(person.number, person.parameters["pose"])

Importing this module loads no framework. Beside `tools` it is the one place outside the models' folders that knows the
models, and it knows their names alone: what a name stands for is imported when it is asked for.
"""
import importlib
import logging
import os

from common.errors import UserError

LOGGER = logging.getLogger("mindhuman")
MODELS = ("openpose", "pose_baseline", "hmr", "cmr", "hand4whole")
MESH_MODELS = ("hmr", "cmr", "hand4whole")


def load(name: str, weights: str = "", detector=None, device: str = "", **settings):
    """A trained model, ready to be called.

    Args:
        name: openpose, pose_baseline, hmr, cmr or hand4whole.
        weights: a checkpoint, or a name as after --ckpt_file: small, or published ones (tools/get_weights.py). Empty:
            published ones that were fetched, else the newest of your own runs, else the small ones that come along; the
            log says which.
        detector: of the mesh models: `load("openpose")`, which then finds the people. Without one each image is one
            person, unless a call says where people are.
        device: CPU, GPU or Ascend; empty takes the first usable of Ascend, GPU, CPU.
        settings: of infer.py, by their names without hyphens, such as `smpl_path="models/SMPL_NEUTRAL.pkl"`.

    Returns:
        openpose: `Detecting`, gives `Poses2D`. pose_baseline: `Lifting`, gives `LiftedTrack`s. The mesh models:
        `MeshPredictor`, gives `People`. Each has `weights`, the path of its checkpoint.

    Raises:
        UserError: no such model, setting or weights.
    """
    if name not in MODELS:
        raise UserError(f"there is no model {name!r}: choose from {', '.join(MODELS)}")
    if detector is not None and name not in MESH_MODELS:
        raise UserError(f"{name} takes no detector; {', '.join(MESH_MODELS)} do")
    given = {"ckpt_file": os.fspath(weights) or published_weights(name), "device_target": device, **settings}
    argv = [text for key, value in given.items() if value not in ("", None)
            for text in (f"--{key}", _as_typed(value))]
    config = importlib.import_module(f"{name}.src.config").read_settings(argv)

    from common.engine.runtime import init_runtime

    init_runtime(config.device_target, config.device_id, config.seed)
    model, config = importlib.import_module(f"{name}.src.inference").open_model(config)
    if name not in MESH_MODELS:
        model.weights = config.ckpt_file
        return model

    from common.inference.predictor import MeshPredictor

    batch = {"batch_size": settings["batch_size"]} if "batch_size" in settings else {}
    predictor = MeshPredictor(model, detector, focal_length=config.focal_length, smooth=config.smooth,
                              min_confidence=config.min_confidence, **batch)
    predictor.weights = config.ckpt_file
    return predictor


def published_weights(name: str) -> str:
    """The path of the first published weights of a model that were fetched and work alone; empty without any."""
    from common.convert.named_weights import weights_path
    from common.convert.published import PUBLISHED
    from common.engine.checkpoint import read_checkpoint

    for entry in PUBLISHED:
        path = weights_path(entry)
        if entry.model != name or not entry.checkpoint or not os.path.isfile(path):
            continue
        if name == "pose_baseline" and not read_checkpoint(path).extra:
            LOGGER.info("%s: the published weights %s, which were fetched, are passed over: they hold no statistics of "
                        "their inputs", name, entry.name)
            continue
        LOGGER.info("%s: the published weights %s, which were fetched, are used", name, entry.name)
        return path
    return ""


def _as_typed(value):
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
