"""Measure a checkpoint on images annotated in COCO's form.

    python eval.py --model_path output/checkpoint/ckpt_0/0-8_5304.ckpt --imgpath_val val2017 \\
                   --ann person_keypoints_val2017.json
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import make_folder  # noqa: E402
from common.limits import check_given  # noqa: E402
from common.names import safe_name  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)
    check_given(config, {"imgpath_val": "the image folder", "ann": "the annotation file"})

    from common.engine.runtime import init_runtime
    from openpose.src.detector import build_detector
    from openpose.src.drawing import draw_people, write_image
    from openpose.src.evaluate import choose_images, gather, log_result, measure, predict, write_result
    from openpose.src.network import load_trained

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.output_img_path):
        make_folder(config.output_img_path)
        network, config, skeleton, _ = load_trained(config)
        annotations = skeleton.read_annotations(config.ann)
        rows = choose_images(annotations, config.all_images, config.eva_num)

        def draw(entry, image, people):
            path = os.path.join(config.output_img_path, f"{safe_name(entry.id)}.png")
            write_image(path, draw_people(image, people.joints, skeleton))

        part = predict(build_detector(network, config, skeleton), annotations, rows, config.imgpath_val, skeleton,
                       (runtime.rank, runtime.rank_size), draw if config.vis else None)
        predictions = gather(part, config.output_img_path, runtime)
        if runtime.is_main:
            write_result(config.output_img_path, predictions)
            log_result(measure(annotations, predictions, skeleton), predictions, skeleton, config.all_images)


if __name__ == "__main__":
    run(main)
