"""Train OpenPose on keypoints in COCO's form.

    python train.py --imgpath_train train2017 --jsonpath_train person_keypoints_train2017.json \\
                    --maskpath_train ignore_mask_train --vgg_path vgg19-0-97_5004.ckpt
"""
import logging
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from openpose.src.config import MAY_DIFFER, read_settings  # noqa: E402

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
        Progress: of the finished run.
    """
    from common.data.pipeline import Pipeline
    from common.engine.amp import check_amp
    from common.engine.callbacks import LogLines, MetricsCsv, SaveCheckpoint
    from common.engine.checkpoint import CheckpointFolder, read_checkpoint
    from common.engine.loop import Progress
    from common.engine.run import checkpoint_to_resume, continue_from, save_settings, standard_callbacks, train_to_end
    from common.engine.runtime import broadcast_parameters
    from openpose.src.dataset import KeypointSource
    from openpose.src.network import settings_of
    from openpose.src.skeleton import describe_skeleton, load_skeleton
    from openpose.src.train_step import build_start, build_step

    check_amp(config.amp_level, runtime.device_target)
    store = CheckpointFolder(os.path.join(config.save_model_path, "ckpt_0"), "{rank}-{epoch}_{step}.ckpt",
                             config.keep_checkpoint_max)
    # A cosine ends with the last epoch.
    may_differ = MAY_DIFFER - {"epochs"} if config.lr_type == "cosine" else MAY_DIFFER
    start = resumed = checkpoint_to_resume(config, store, runtime, "openpose", "save_model_path", may_differ)
    if config.load_pretrain and not config.pretrained_model_path:
        raise UserError("--load_pretrain: name the checkpoint with --pretrained_model_path")
    if config.load_pretrain and resumed is None:
        start = read_checkpoint(config.pretrained_model_path, "--pretrained_model_path")
    if start is not None:
        config, skeleton = settings_of(start, config)
    else:
        skeleton = load_skeleton(config.skeleton)

    network = build_start(config, skeleton, start)
    broadcast_parameters(network.get_parameters(), runtime)

    source = KeypointSource(config, skeleton)
    loader = Pipeline(source, config.batch_size, config.seed, True, runtime.rank, runtime.rank_size,
                      config.num_workers)
    progress = Progress(config.epochs, loader.steps_per_epoch)

    step, schedule = build_step(config, runtime.rank_size, network, progress)
    continue_from(resumed, network, step, progress, "--epochs")
    LOGGER.info("%d training images, %d steps per epoch; output in %s", len(source), loader.steps_per_epoch,
                store.folder)
    save_settings(config, runtime, store.folder)

    callbacks = []
    if runtime.is_main:
        table = MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, (), schedule,
                           config.log_interval)
        meta = {"model": "openpose", "config": dict(config), "skeleton": describe_skeleton(skeleton),
                "rank_size": runtime.rank_size}
        save = SaveCheckpoint(store, network, step, meta, None, config.ckpt_interval, [table.flush])
        lines = LogLines(config.log_interval, line, config.batch_size * runtime.rank_size, "images")
        callbacks = standard_callbacks(config.profile, lines, save, [table])
    train_to_end(step, loader, progress, callbacks, runtime, config.log_interval)
    return progress


def line(progress, means, _):
    """The original's line: the mean loss of the last `log_interval` updates."""
    return f"epoch[{progress.epoch}], iter[{progress.batch}], mean loss is {means['loss']:.9f}"


if __name__ == "__main__":
    run(main)
