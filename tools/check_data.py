"""Say what a model's data folder holds, what is missing, and what to do about it.

    python tools/check_data.py pose_baseline --data_path data/h36m

Leaves with status 1 when training on the folder is not possible. A model takes part by having a function
`check_folder(data_path)` in `<model>/src/datasets.py` that returns a list of `common.data.findings.Finding`.
"""
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The repository root comes first, so that `common` and the models are found from every directory.
sys.path.insert(0, str(ROOT))

from common.arguments import Arguments  # noqa: E402
from common.data.findings import ERROR, Finding, format_table  # noqa: E402
from common.errors import run  # noqa: E402


def models():
    """Names of the models that can check their data."""
    return sorted(path.parents[1].name for path in ROOT.glob("*/src/datasets.py"))


def check(model, data_path):
    """What the data folder of a model holds and lacks, a list of Finding."""
    if not Path(data_path).is_dir():
        return [Finding(ERROR, "folder", f"{data_path} does not exist or is no folder",
                        f"name the folder that training reads; the README of {model} says what lies in it")]
    return importlib.import_module(f"{model}.src.datasets").check_folder(data_path)


def main(argv):
    """Check one model's data; the status is 1 when training is not possible."""
    parser = Arguments(__doc__)
    parser.add_argument("model", choices=models(), metavar="MODEL", help=", ".join(models()))
    parser.add_argument("--data_path", required=True, help="the folder that training would read")
    arguments = parser.parse_args(argv)
    findings = check(arguments.model, arguments.data_path)
    print(format_table(findings))
    errors = sum(finding.level == ERROR for finding in findings)
    if errors:
        print(f"\nTraining {arguments.model} on {arguments.data_path} is not possible yet: "
              f"see the {errors} row{'s' if errors > 1 else ''} marked {ERROR!r}.")
        return 1
    print(f"\nTraining {arguments.model} on {arguments.data_path} is possible.")
    return 0


if __name__ == "__main__":
    run(main)
