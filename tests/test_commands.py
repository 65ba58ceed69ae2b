"""Commands that the READMEs tell a user to type: their scripts exist and know their flags. Nothing is run."""
import importlib
import os
import re
import shlex
from pathlib import Path

import pytest

from common.stand_ins.datasets import registry

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("cmr", "hand4whole", "hmr", "openpose", "pose_baseline")
READMES = [path.relative_to(ROOT) for pattern in ("README*.md", "*/README*.md", "docs/*.md")
           for path in sorted(ROOT.glob(pattern))
           if path.name.split(".")[0] != "adding_a_model"]  # its commands are run by test_adding_a_model.py
COMMAND = re.compile(r"(?:python|bash) ([\w./]+\.(?:py|sh))\b([^`#\n|]*)")


def settings_of(model):
    """The module of a model's settings."""
    return importlib.import_module(f"{model}.src.config")


def find(script, readme):
    """The file that a command means: seen from the README's folder, a `scripts` in it, or (in docs) from elsewhere."""
    places = [ROOT / readme.parent, ROOT / readme.parent / "scripts", ROOT, *(ROOT / model for model in MODELS)]
    return next((place / script for place in places if (place / script).is_file()), None)


def flags_of(script):
    """Flags that a Python script knows, without hyphens; None for what passes all on."""
    place = Path(os.path.normpath(script)).relative_to(ROOT)
    if place.suffix == ".sh" or place.name == "predict_3dpose.py":
        return None
    own = [match for path in (script, ROOT / place.parent / "src" / place.name) if path.is_file()
           for match in re.findall(r'add_argument\(f?"--([\w{}-]+)"', path.read_text())]
    if own:
        return {name.replace("{split}", split) for name in own for split in ("train", "val")} | {"help"}
    if place.parts[0] not in MODELS:
        return {"help"}
    config = settings_of(place.parts[0])
    return {*config.read_settings([]), *config.ALIASES, "config_path", "help"}


@pytest.mark.parametrize("readme", READMES, ids=str)
def test_commands_of_our_own_readmes(readme):
    text = (ROOT / readme).read_text(encoding="utf-8").replace("\\\n", " ")
    for script, rest in COMMAND.findall(text):
        path = find(script, readme)
        assert path is not None, f"{readme}: there is no {script}"
        flags, known = re.findall(r"(?<!\S)--([\w-]+)", rest), flags_of(path)
        if path.name == "make_sample_data.py" and rest.split()[0] in registry.DATASETS:
            made_by = Path(registry.find(rest.split()[0]).__file__)
            shared = made_by.with_name("image_files.py")  # options of several data sets
            known |= set(re.findall(r'"--([\w-]+)"', made_by.read_text() + shared.read_text()))
        assert known is None or set(flags) <= known, f"{readme}: {script}{rest}"


# The lines of the originals' READMEs that read a model's settings; what each has to arrive as.
ORIGINAL = [
    ("hand4whole", "--img test.png --gpu 0,1", {"img": "test.png", "gpu_ids": "0,1"}),
    ("hand4whole", "--gpu 0,1 --lr 1e-4 --end_epoch 7 --train_batch_size 16",
     {"gpu_ids": "0,1", "lr": 1e-4, "epochs": 7, "batch_size": 16, "trainset_3d": ["Human36M"]}),
    ("hand4whole", "--gpu 0,1 --lr 1e-4 --end_epoch 10 --train_batch_size 16 --parts hand",
     {"parts": "hand", "epochs": 10, "trainset_3d": ["FreiHAND"], "trainset_2d": []}),
    ("hand4whole", "--gpu 0,1 --lr 1e-5 --end_epoch 7 --train_batch_size 16 --continue",
     {"resume": True, "lr": 1e-5}),
    ("hand4whole", "--gpu 0,1 --test_batch_size 24 --pretrained_model ../models/ckpt_6.pth.tar",
     {"test_batch_size": 24, "ckpt_file": "../models/ckpt_6.pth.tar"}),
    ("hmr", "--data_path=/mass_store/dataset/HMR_DATA --batch_size=1 --batch_3d_size=0 "
     "--checkpoint_file_path=/mass_store/generator-20000.ckpt",
     {"data_path": "/mass_store/dataset/HMR_DATA", "batch_size": 1, "batch_3d_size": 0,
      "ckpt_file": "/mass_store/generator-20000.ckpt"}),
    ("pose_baseline", "--camera_frame --residual --batch_norm --dropout 0.5 --max_norm --evaluateActionWise --epochs 1",
     {"camera_frame": True, "residual": True, "batch_norm": True, "dropout": 0.5, "max_norm": True,
      "evaluateActionWise": True, "epochs": 1}),
    ("pose_baseline", "--camera_frame --residual --batch_norm --dropout 0.5 --max_norm --evaluateActionWise --epochs 1 "
     "--sample --load 24371", {"sample": True, "load": 24371}),
    ("pose_baseline", "--learning_rate 0.001 --dropout 1 --batch_size 64 --epochs 200 --predict_14 --action All "
     "--linear_size 1024 --num_layers 2 --procrustes --cameras_path data/h36m/metadata.xml --date_dir data/h36m/ "
     "--train_dir experiments --use_cpu --use_fp16 --result result --obs_dir obs://simple-pose-baseline-dataset",
     {"data_dir": "data/h36m/", "device_target": "CPU", "amp_level": "O2", "predict_14": True, "result": "result"}),
    ("openpose", "--imgpath_train coco/train2017 --jsonpath_train coco/annotations/person_keypoints_train2017.json "
     "--maskpath_train coco/ignore_mask_train --vgg_path vgg19-0-97_5004.ckpt",
     {"imgpath_train": "coco/train2017", "vgg_path": "vgg19-0-97_5004.ckpt"}),
    ("openpose", "--model_path ckpt/0-8_663.ckpt --imgpath_val coco/val2017 --ann coco/annotations/val2017.json",
     {"ckpt_file": "ckpt/0-8_663.ckpt", "imgpath_val": "coco/val2017", "ann": "coco/annotations/val2017.json"}),
    ("cmr", "--save_checkpoint_dir D --keep_checkpoint_max 3 --pretrained_checkpoint P.ckpt --device_target GPU "
     "--num_channels 256 --num_layers 5 --img_res 224 --num_epochs 80 --batch_size 16 --checkpoint_steps 1771 "
     "--rot_factor 30 --noise_factor 0.4 --scale_factor 0.25 --do_shuffle --distribute --num_workers 8 "
     "--adam_beta1 0.9 --lr 0.004 --wd 0", {"epochs": 80, "lr": 0.004, "distribute": True, "do_shuffle": True}),
    ("cmr", "--num_channels 256 --num_layers 5 --img_res 224 --checkpoint C.ckpt --dataset up-3d --shuffle "
     "--num_workers 8 --log_freq 50 --device_target GPU", {"ckpt_file": "C.ckpt", "shuffle": True, "log_freq": 50}),
    ("cmr", "--train_files --eval_files", {"train_files": True, "eval_files": True}),
]


@pytest.mark.parametrize("model, line, arrived", ORIGINAL, ids=lambda value: value if value in MODELS else "")
def test_commands_of_the_originals_readmes(model, line, arrived):
    config = settings_of(model).read_settings(shlex.split(line))
    assert {key: config[key] for key in arrived} == arrived


# Names that the originals' READMEs tell a user to type, from the model's folder.
TYPED = """
cmr/scripts/generate_dataset.sh cmr/scripts/convert_resnet.sh cmr/scripts/run_standalone_train_gpu.sh
cmr/scripts/run_distributed_train_gpu.sh cmr/scripts/run_eval_gpu.sh cmr/preprocess.py cmr/train.py cmr/eval.py
hand4whole/demo.py hand4whole/train.py hand4whole/test.py hand4whole/tool/merge_hand_to_all.py
hmr/dataprocess.py hmr/export.py hmr/scripts/run_standalone_train.sh hmr/scripts/run_distributed_train.sh
hmr/scripts/run_distribute_train.sh hmr/scripts/run_eval.sh hmr/scripts/run_infer_310.sh
openpose/gen_ignore_mask.py openpose/train.py openpose/eval.py openpose/run_standalone_train.sh openpose/export.py
openpose/run_distribute_train.sh openpose/scripts/run_eval_ascend.sh openpose/mindspore_hub_config.py
pose_baseline/src/predict_3dpose.py
""".split()


@pytest.mark.parametrize("name", TYPED)
def test_names_that_users_type_exist(name):
    assert (ROOT / name).is_file()
