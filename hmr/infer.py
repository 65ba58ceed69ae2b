"""Bodies of the people in pictures and videos: parameters, meshes, cameras and drawings.

    python infer.py --image photo.jpg --ckpt_file hmr.ckpt --openpose_ckpt openpose.ckpt
"""
import os
import sys

# The repository root, so that `common`, `hmr` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.runtime import init_runtime  # noqa: E402
from common.errors import run  # noqa: E402
from common.inference.meshes import MeshRunner  # noqa: E402
from common.inference.people import choose_people, join_boxes  # noqa: E402
from common.inference.sources import open_source  # noqa: E402
from hmr.src.build import load_body, load_trained, read_settings  # noqa: E402
from hmr.src.inference import HMRMeshes, crop_kind  # noqa: E402


def main(argv):
    config = read_settings(join_boxes(argv), {"batch_size": 8})
    init_runtime(config.device_target, config.device_id, config.seed)
    source = open_source(config.input, config.frame_max, "--image")
    body = load_body(config)
    network, config, profile, checkpoint = load_trained(config, body)
    finder = None
    if config.openpose_ckpt:
        from openpose.src.finder import load_finder  # only where people have to be found

        finder = load_finder(config.openpose_ckpt)
    find = choose_people(config.bbox, config.keypoints_json, finder)
    model = HMRMeshes(network, profile, body, crop_kind(checkpoint.meta["config"]), config.crop_size,
                      config.crop_scale)
    formats = config.formats if "formats" in config.given else None
    MeshRunner(model, find, config.output_dir, formats, config.focal_length, config.batch_size,
               config.smooth).run(source)


if __name__ == "__main__":
    run(main)
