"""Train CMR on prepared data sets.

    python train.py --dataset itw --pretrained_resnet_50 pretrained_resnet50.ckpt
"""
import logging
import os
import sys

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cmr.src.config import MAY_DIFFER, check_training, read_settings  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv)

    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.output_path):
        train(config, runtime)


def train(config, runtime):
    """One training run, from the settings to the last epoch.

    Returns:
        Progress: of the finished run, or of the run whose time was up.
    """
    from cmr.src.callbacks import SummaryImages, TimeIsUp, TimeLimit
    from cmr.src.datasets import build_training_set
    from cmr.src.mesh import load_body
    from cmr.src.network import build_network, settings_of
    from cmr.src.train_step import build_start, build_step
    from cmr.src.weights import read_trained
    from common.data.pipeline import Pipeline
    from common.engine.amp import check_amp
    from common.engine.callbacks import LogLines, MetricsCsv, SaveCheckpoint, TensorBoard
    from common.engine.checkpoint import CheckpointFolder
    from common.engine.loop import Progress
    from common.engine.run import checkpoint_to_resume, continue_from, save_settings, standard_callbacks, train_to_end
    from common.engine.runtime import broadcast_parameters

    check_amp(config.amp_level, runtime.device_target)
    check_training(config, runtime)
    store = CheckpointFolder(config.save_checkpoint_dir, "cmr-{step}.ckpt", config.keep_checkpoint_max)
    # An exponential rate depends on the length of the run.
    may_differ = MAY_DIFFER - {"epochs"} if config.lr_decay != 1.0 else MAY_DIFFER
    start = resumed = checkpoint_to_resume(config, store, runtime, "cmr", "save_checkpoint_dir", may_differ)
    if resumed is None and config.pretrained_checkpoint:
        start = read_trained(config.pretrained_checkpoint, "--pretrained_checkpoint")
    if start is not None:
        config = settings_of(start, config)

    body = load_body(config)

    people, plain = build_training_set(config)
    loader = Pipeline(people, config.batch_size, config.seed, config.do_shuffle, runtime.rank, runtime.rank_size,
                      config.num_workers)
    progress = Progress(config.epochs, loader.steps_per_epoch)

    network = build_start(config, body, start)
    broadcast_parameters(network.get_parameters(), runtime)

    step, schedule = build_step(config, runtime.rank_size, network, body, progress.total_steps)
    continue_from(resumed, network, step, progress, "--epochs")
    LOGGER.info("%d training images, %d steps per epoch; output in %s", len(people), loader.steps_per_epoch,
                store.folder)
    save_settings(config, runtime, store.folder)

    callbacks = []
    if runtime.is_main:
        every, board = config.summary_steps or 100, None
        others = [MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, (), schedule, every)]
        meta = {"model": "cmr", "rank_size": runtime.rank_size, "config": dict(config), "body_model": body.model.name}
        save = SaveCheckpoint(store, network, step, meta, None, config.checkpoint_steps, [others[0].flush])
        if config.tensorboard:
            tags = {name: f"losses/{name}" for name in ("loss", *step.term_names, "learning_rate")}
            board = TensorBoard(os.path.join(store.folder, "tensorboard"), tags, schedule, every)
            others.append(board)
        if config.summary_steps:
            others.append(SummaryImages(network, build_network(config, body), plain, body.model.faces, store.folder,
                                        config.summary_steps, board and board.writer))
        lines = LogLines(config.log_interval, line, config.batch_size * runtime.rank_size, "images")
        callbacks = standard_callbacks(config.profile, lines, save, others)
        if config.time_to_run:
            callbacks.append(TimeLimit(config.time_to_run, save))
    try:
        train_to_end(step, loader, progress, callbacks, runtime, config.log_interval)
    except TimeIsUp:
        LOGGER.info("The %d seconds of --time_to_run are over after %d of %d steps; --resume continues",
                    config.time_to_run, progress.step, progress.total_steps)
    return progress


def line(progress, *_):
    """The line of the MindSpore port, for every `log_interval`-th update."""
    return f"epoch: {progress.epoch + 1} step: {progress.batch}, loss is {progress.terms['loss']}"


if __name__ == "__main__":
    run(main)
