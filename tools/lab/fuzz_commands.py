"""Command lines of all entry scripts and tools that are fuzzed."""

import importlib

from common.stand_ins.datasets import registry
from common.text_files import read_yaml
from tools.lab.fuzz_cases import MODELS, ROOT

COMMANDS = (
    *(f"{model}/{name}.py" for model in MODELS for name in ("train", "eval", "export", "infer")),
    "openpose/gen_ignore_mask.py",
    "openpose/preprocess.py",
    "openpose/postprocess.py",
    "hmr/dataprocess.py",
    "hmr/preprocess.py",
    "hmr/postprocess.py",
    "cmr/preprocess.py",
    "cmr/pth2ckpt.py",
    "hand4whole/demo.py",
    "hand4whole/test.py",
    "hand4whole/tool/merge_hand_to_all.py",
    "tools/check_data.py",
    "tools/pth2ckpt.py",
    "tools/make_sample_data.py",
    "tools/hccl_tools.py",
    "tools/infer_mindir.py",
)
WORDS = (
    "",
    "-1",
    "0",
    "1",
    "1e308",
    "nan",
    "inf",
    "9" * 30,
    "9" * 5000,
    "x",
    "../x",
    "nowhere",
    "/dev/null",
    "/dev/zero",
    "/",
    ".",
    "\ud800",
    "a\nb",
    "é" * 300,
    "[",
    "[]",
    "{}",
    "1,2,3",
    "true",
    "none",
    "%s",
    "-",
    "--",
    "=",
    "*",
    "?*[",
    "1x1",
    "999999999x2",
    "a.json",
    "~",
    "1.5",
    "0x10",
    "$x",
    "auto",
    " ",
)


def command_line(rng, folder):
    """An entry script and arguments: files that are not there, and one to three flags with odd values."""
    script = rng.choice(COMMANDS)
    model = script.split("/")[0]
    argv = []
    flags = []
    if model in MODELS:
        flags = [
            key for key in read_yaml(str(ROOT / model / "default_config.yaml")) if key != "gpu_ids"
        ]  # starts processes
        if script.endswith(("/eval.py", "/export.py", "/infer.py")):
            argv = ["--ckpt_file", "nowhere"]  # else the small weights would do, and a whole network be exported
    flags += {
        "tools/check_data.py": ["data_path"],
        "tools/pth2ckpt.py": ["model", "pth_path", "ckpt_path", "variant", "statistics"],
        "tools/make_sample_data.py": ["output_dir", "seed", "num", "size", "years", "fps", "subjects"],
        "tools/hccl_tools.py": ["device_num", "visible_devices", "server_ip", "hccn_conf", "merge", "output"],
        "tools/infer_mindir.py": [
            "model_path",
            "dataset_path",
            "device_target",
            "device_id",
            "result_path",
            "time_path",
        ],
        "cmr/pth2ckpt.py": ["pth-path", "ckpt-path", "dict-file"],
        "hand4whole/tool/merge_hand_to_all.py": ["whole", "hand", "merged", "output_dir"],
    }.get(script, [])
    if model == "tools" and rng.random() < 0.7:
        argv.append(rng.choice((*MODELS, *registry.DATASETS, "x")))
    for _ in range(rng.randint(1, 3)):
        flag, word = rng.choice(flags or ["x", "help", "config_path"]), rng.choice(WORDS)
        argv += [f"--{flag}={word}"] if rng.random() < 0.5 else [f"--{flag}", word]
    if rng.random() < 0.1:
        argv.append(rng.choice(("--help", "--x", "x", "--config_path")))
    if script == "tools/make_sample_data.py":
        argv = [*argv, "--output_dir", str(folder / "made"), "--num", rng.choice(("1", "0", "-1", "x"))]
    return script, argv


def run_command(script, argv):
    """`main` of an entry script in this process, with its status as the result."""
    module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
    return module.main(list(argv))
