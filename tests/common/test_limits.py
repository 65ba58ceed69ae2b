"""What the numbers among the settings may be."""
import importlib
import pathlib

import pytest

from common.errors import UserError
from common.limits import LIMITS, Range, check_choices, check_given, check_multiples, check_numbers, check_order
from common.text_files import read_yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")


def numbers(path):
    for key, value in read_yaml(str(path)).items():
        found = [one for one in (value if isinstance(value, list) else [value])
                 if isinstance(one, int | float) and not isinstance(one, bool)]
        if found:
            yield key, value, found


@pytest.mark.parametrize("model", MODELS)
def test_every_number_of_every_model_has_a_range_and_every_command_checks_it(model):
    config = importlib.import_module(f"{model}.src.config")
    for key, value, found in numbers(ROOT / model / "default_config.yaml"):
        assert all(number in LIMITS[key] for number in found), key
        for wrong in (LIMITS[key].most * 2 + 1, min(LIMITS[key].least, 0) - 1):
            words = wrong if isinstance(found[0], float) else int(wrong)
            text = ",".join([str(words)] * len(found)) if isinstance(value, list) else str(words)
            with pytest.raises(UserError, match=f"^--{key} .*{words}"):
                config.read_settings([f"--{key}={text}"])


def test_the_settings_files_lie_within():
    for path in ROOT.glob("*/*.yaml"):
        if path.parent.name in MODELS:
            check_numbers(read_yaml(str(path)), ("batch_size",))


def test_ranges():
    assert 0 in Range(0, 1) and 1.0 in Range(0, 1) and 1.1 not in Range(0, 1) and float("nan") not in Range(0, 1)
    assert 0 not in Range(0, 1, above=True) and 1e-9 in Range(0, 1, above=True)
    check_numbers({"batch_size": 0, "data_dir": "x", "resume": True, "lr_steps": []}, ("batch_size",))
    with pytest.raises(UserError, match=r"^--num_layers 33: write a whole number from 0 to 32$"):
        check_numbers({"num_layers": 33})
    with pytest.raises(UserError, match=r"^a.ckpt: width 0.0: write a number above 0, up to 8$"):
        check_numbers({"width": 0.0}, said="a.ckpt: ")
    with pytest.raises(UserError, match=r"^--lr_steps \[1, -1\]: write whole numbers from 0 to 2,147,483,647$"):
        check_numbers({"lr_steps": [1, -1]})
    with pytest.raises(UserError, match="^--epochs a very large int: write a whole number"):
        check_numbers({"epochs": 10 ** 5000})


def test_choices_order_and_multiples():
    settings = {"depth": 34, "low": 1.0, "high": 1.0, "size": 64, "count": 20}
    check_choices(settings, {"depth": (18, 34)})
    check_order(settings, ("low", "high"))
    check_multiples(settings, {"size": 32})
    with pytest.raises(UserError, match=r"^--depth 34: choose one of 18, 50$"):
        check_choices(settings, {"low": (1.0,), "depth": (18, 50)})
    with pytest.raises(UserError, match=r"^--size 64 is more than --count 20$"):
        check_order(settings, ("low", "high"), ("size", "count"))
    for grid, near in ((32, 32), (8, 16), (3, 21)):
        with pytest.raises(UserError, match=rf"^--count 20: write a multiple of {grid}, such as {near}$"):
            check_multiples(settings, {"size": 32, "count": grid})


def test_what_is_needed_and_empty_is_refused():
    check_given({"ann": "a.json", "other": ""}, {"ann": "the annotation file"})
    with pytest.raises(UserError, match="^--images is missing: name the image folder$"):
        check_given({"ann": "a.json", "images": ""}, {"ann": "the annotation file", "images": "the image folder"})
