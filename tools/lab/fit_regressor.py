"""Train CMR's parameter regressor alone, on the free meshes that a trained graph network makes of training images.

    python tools/lab/fit_regressor.py --config_path cmr/small.yaml --ckpt_file output/cmr/second/cmr-2450.ckpt \\
        --output output/cmr/fitted.ckpt --dataset_root data --dataset_npz_path data

No gradient goes from the regressor to the graph network, so the images need to be looked at only once, and an update
costs a posed body instead of a whole network. Settings and data are those of cmr/train.py; --updates says how long,
--fit_lr the learning rate at the beginning, which falls to a hundredth.
"""
import os
import sys

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402

BATCH = 32


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--config_path", required=True, help="settings, as of cmr/train.py")
    parser.add_argument("--ckpt_file", required=True, help="checkpoint of CMR")
    parser.add_argument("--output", required=True, help="checkpoint to write")
    parser.add_argument("--updates", type=int, default=6000, help="of 32 meshes (default: 6000)")
    parser.add_argument("--fit_lr", type=float, default=3e-3, help="learning rate at the beginning (default: 0.003)")
    own, others = parser.parse_known_args(argv)
    others += ["--config_path", own.config_path, "--ckpt_file", own.ckpt_file]

    import numpy as np
    from mindspore import Tensor
    from tqdm import tqdm

    from cmr.src.config import read_settings
    from cmr.src.datasets import build_training_set
    from cmr.src.mesh import load_body
    from cmr.src.network import build_network, settings_of
    from cmr.src.weights import read_trained
    from common.data.pipeline import Pipeline
    from common.engine.checkpoint import load_weights, write_checkpoint
    from common.engine.optimizers import TorchAdam
    from common.engine.runtime import init_runtime
    from common.engine.schedules import ExponentialDecay
    from common.engine.train_step import TrainStep
    from tools.lab.graphs.cmr import RegressorFit

    config = read_settings(others)
    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    start = read_trained(config.ckpt_file, "--ckpt_file")
    config = settings_of(start, config)
    body = load_body(config)
    network = build_network(config, body)
    load_weights(network, start)
    people, _ = build_training_set(config)
    loader = Pipeline(people, config.batch_size, config.seed, True, num_workers=config.num_workers)
    graph_cnn, meshes = network.graph_cnn.set_train(False), []
    for image, _, _, pose, betas, _, has_smpl in tqdm(loader.batches(0), total=loader.steps_per_epoch, desc="meshes"):
        mesh = graph_cnn(image)[0].asnumpy().reshape(-1, len(image), 3).transpose(1, 0, 2)
        known = has_smpl.asnumpy() > 0
        meshes.append((mesh[known], pose.asnumpy()[known], betas.asnumpy()[known]))
    columns = [np.concatenate(column) for column in zip(*meshes)]

    fit = RegressorFit(network)
    parameters = list(network.smpl_param_regressor.trainable_params())
    step = TrainStep(fit, TorchAdam(parameters, ExponentialDecay(own.fit_lr, 0.01, own.updates)))
    rng, losses = np.random.default_rng(config.seed), []
    for number in tqdm(range(own.updates), desc="regressor"):
        rows = np.sort(rng.integers(0, len(columns[0]), BATCH))
        losses.append(step(*(Tensor(column[rows]) for column in columns))[1])
        if number % 500 == 499:
            terms = np.mean([[float(term) for term in terms] for terms in losses[-500:]], axis=0)
            tqdm.write("  ".join(f"{name} {term:.4f}" for name, term in zip(fit.term_names, terms)))
    weights = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
    write_checkpoint(own.output, weights, {}, start.meta)
    print(f"{own.output}: regressor of {own.updates} updates on {len(columns[0])} meshes; {runtime.device_target}")


if __name__ == "__main__":
    run(main)
