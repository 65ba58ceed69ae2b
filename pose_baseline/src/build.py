"""From settings to objects: network, data, folders. Settings end here; what lies below takes plain numbers."""
import os

import numpy as np
from mindspore import Tensor

from common.convert.named_weights import has_own_folder
from common.engine.checkpoint import find_checkpoint, load_weights
from common.engine.continuation import adopt_settings, require_model
from common.errors import UserError
from pose_baseline.src.config import DATA_KEYS, NETWORK_KEYS
from pose_baseline.src.dataset import load_dataset
from pose_baseline.src.network import LinearModel, fold
from pose_baseline.src.normalisation import Statistics

PART = 2048  # poses that the Lifter computes at a time


def build_network(config):
    """The network that the settings describe, with its initial values."""
    return LinearModel(config["linear_size"], config["num_layers"], config["residual"], config["batch_norm"],
                       config["max_norm"], config["predict_14"], config["bn_epsilon"], config["bn_momentum"],
                       config["bn_unbiased"], config["seed"])


def build_dataset(config, splits=("train", "test"), statistics=None):
    """The poses of the settings' data folder, normalised; with `statistics` from a checkpoint, or those of the
    training subjects."""
    cameras_path = config.cameras_path or os.path.join(config.data_dir, "metadata.xml")
    return load_dataset(config.data_dir, cameras_path, config.action, config.camera_frame, config.predict_14,
                        detections=config.detections, statistics=statistics, cache_dir=config.cache_dir or None,
                        splits=splits)


def experiment_folder(config):
    """The folder of an experiment, named after its settings as in the original."""
    parts = [config.action, f"dropout_{config.dropout:g}", f"epochs_{config.epochs}", f"lr_{config.learning_rate:g}",
             "residual" if config.residual else "not_residual", f"depth_{config.num_layers}",
             f"linear_size{config.linear_size}", f"batch_size_{config.batch_size}",
             "procrustes" if config.procrustes else "no_procrustes", "maxnorm" if config.max_norm else "no_maxnorm",
             "batch_normalization" if config.batch_norm else "no_batch_normalization",
             *([] if config.detections == "gt" else [f"detections_{config.detections}"]),
             "predict_14" if config.predict_14 else "predict_17"]
    return os.path.join(config.train_dir, *parts)


class Lifter:
    """A trained network ready for use: normalised numpy poses in, normalised numpy poses out.

    Norm clip and batch norm are worked into the weights, so a pose costs three matrix products less two passes each.

    Args:
        network (LinearModel): the network; call `refresh` after its weights have changed.
    """

    def __init__(self, network):
        self.network = network
        self.folded = fold(network)

    def refresh(self):
        """Take over the network's present weights."""
        fold(self.network, into=self.folded)

    def __call__(self, inputs):
        """(n, 32) float32 to (n, 48 or 42) float32, in parts whose activations fit the processor's caches."""
        outputs = []
        for start in range(0, len(inputs), PART):
            part = inputs[start:start + PART]
            # Filled up to a power of two, so that few sizes are compiled.
            filled = np.zeros((min(PART, 1 << (len(part) - 1).bit_length()), part.shape[1]), np.float32)
            filled[:len(part)] = part
            outputs.append(self.folded(Tensor.from_numpy(filled)).asnumpy()[:len(part)])
        return np.concatenate(outputs)


def _require_sizes(checkpoint, config):
    """Refuse settings that are not those of the weights beside them, before a network of many gigabytes is made."""
    bias = checkpoint.weights.get("first.dense.bias")
    stages = {name.split(".")[1] for name in checkpoint.weights if name.startswith("stages.")}
    if "config" in checkpoint.meta and bias is not None and (bias.shape, len(stages)) != (
            (config.linear_size,), config.num_layers):
        raise UserError(f"checkpoint {checkpoint.path} is damaged: it states linear_size {config.linear_size} and "
                        f"num_layers {config.num_layers}, its weights have {bias.size} and {len(stages)}")


def results_folder(config, checkpoint):
    """Where results of a checkpoint go: to --output_dir, else beside it, unless it is one of the shared ones."""
    if "output_dir" in config.given or not has_own_folder(checkpoint.path):
        return config.output_dir
    return os.path.dirname(checkpoint.path)


def load_trained(config, need_statistics=True):
    """Network, settings and statistics of the checkpoint that the settings name.

    Returns:
        tuple: LinearModel in evaluation mode, Config, Statistics (None when the file has none), Checkpoint.

    Raises:
        UserError: no checkpoint, weights that do not fit, or no statistics where they are needed.
    """
    checkpoint = find_checkpoint(config.ckpt_file, config.train_dir, "pose_baseline")
    require_model(checkpoint, "pose_baseline")
    config = adopt_settings(checkpoint, config, (*NETWORK_KEYS, *DATA_KEYS))
    _require_sizes(checkpoint, config)
    network = build_network(config)
    load_weights(network, checkpoint, config.allow_partial)
    statistics = Statistics.from_arrays(checkpoint.extra) if checkpoint.extra else None
    if statistics is None and need_statistics:
        raise UserError(f"checkpoint {checkpoint.path} holds no pose statistics, so pixels cannot be turned into its "
                        "input: convert it again with tools/pth2ckpt.py --statistics FILE, or evaluate it on a tree "
                        "with training subjects")
    return network.set_train(False), config, statistics, checkpoint
