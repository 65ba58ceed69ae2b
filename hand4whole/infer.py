"""Bodies with hands and faces of the people in images and videos, or hands: parameters, meshes, cameras and drawings.

    python infer.py --input photos/ --pretrained_model snapshot_6.pth.tar --openpose_ckpt openpose.ckpt
"""
import os
import sys

# The repository root, so that `common`, `hand4whole` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import join_boxes  # noqa: E402
from common.errors import run  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from hand4whole.src.config import read_settings  # noqa: E402
from hand4whole.src.multi_gpu import use_cards  # noqa: E402


def main(argv):
    config, source, model, detector = prepare(argv, __file__)

    from common.inference.meshes import runner_of

    runner_of(config, model, detector, os.path.join(config.output_dir, "infer")).run(source)


def prepare(argv, script):
    """What infer.py and demo.py need: settings, images, network, and what finds people in them.

    Returns:
        tuple: Config, Source, Hand4WholeMeshes or HandMeshes, PeopleDetector or None.
    """
    config = read_settings(join_boxes(argv), overrides={"batch_size": 8})
    if config.gpu_ids:  # one process is enough for images
        config = use_cards(config, script, argv, first_only=True)
    set_up_logging()

    from common.inference.sources import open_source

    source = open_source(find_input(config), config.frame_max, "--img")

    from common.engine.runtime import init_runtime
    from hand4whole.src.inference import open_model
    from openpose.src.detector import load_detector

    init_runtime(config.device_target, config.device_id, config.seed)
    model, config = open_model(config)
    return config, source, model, load_detector(config.openpose_ckpt)


def find_input(config):
    """What --img or --input names; images may lie in the demo folder."""
    name = config.img or config.input
    in_demo = os.path.join(config.demo_dir, name)
    return in_demo if name and not os.path.exists(name) and os.path.isfile(in_demo) else name


if __name__ == "__main__":
    run(main)
