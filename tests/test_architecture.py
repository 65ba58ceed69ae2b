"""Who imports whom, and other rules of the project that can be read from its files without running them."""
import ast
import collections
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")
MESH_MODELS = ("hmr", "cmr", "hand4whole")
FOLDERS = ("common", *MODELS, "tools", "scripts", "tests")

# Within `common`: what a module or package may import from `common` besides itself and LEAVES.
LEAVES = ("common.errors", "common.environment", "common.files", "common.names", "common.text_files",
          "common.constants", "common.joints", "common.joint_tables", "common.config", "common.limits", "common.log")
ALLOWED = {
    **dict.fromkeys(LEAVES, ()),
    "common.config": ("common.arguments",),
    "common.geometry": (),
    "common.precision": (),
    "common.arguments": (),
    "common.body_models": ("common.geometry", "common.data.restricted_pickle", "common.data.pickled_values",
                           "common.data.hdf5_files", "common.precision", "common.stand_ins.body.models"),
    "common.losses": ("common.geometry", "common.body_models", "common.precision"),
    "common.metrics": ("common.geometry",),
    "common.backbones": ("common.convert.rules",),
}
# The engine moves batches and gradients; it knows nothing about humans.
ENGINE_MAY_NOT = ("common.joints", "common.geometry", "common.body_models", "common.losses", "common.metrics",
                  "common.data.readers", "common.data.image", "common.data.augment", "common.inference")
# numpy only: these run where mindspore is not wanted, and stay quick to import.
WITHOUT_MINDSPORE = (*LEAVES, "common.metrics", "common.coco_ap", "common.data.image", "common.data.augment",
                     "common.data.readers", "common.data.restricted_pickle", "common.stand_ins",
                     "common.geometry.rotation", "common.geometry.camera", "common.geometry.alignment",
                     "common.geometry.projection", "common.body_models.files", "common.body_models.companions",
                     "common.body_models.unpickle", "common.body_models.landmarks", "common.body_models.lbs_numpy",
                     "common.visual", "common.inference", "common.formats", "common.engine.devices")
DOORS_TO_STAND_INS = ("common/body_models/files.py", "common/body_models/companions.py")
MAY_IMPORT_TORCH = ("common/convert/pth.py", "tools/lab/")
# Device context, communication and seeds are set in one place; the dry compile chooses a device that is not there.
SETTERS = {"set_context", "set_device", "set_seed", "set_auto_parallel_context"}
MAY_SET = ("common/engine/runtime.py", "tools/lab/gpu_dry_compile.py")
# Bounds on size and nesting, and what a damaged file ends with, stand in one place.
# The fuzzer's processes send each other lines of JSON, and it takes valid files apart that it has made itself.
# The hook of the documentation runs within MkDocs, where the project is not on the path, on a notebook of our own.
MAY_PARSE = ("common/text_files.py", "common/engine/checkpoint.py", "tools/lab/fuzz.py", "tools/lab/fuzz_mutations.py",
             "scripts/docs_pages.py")
# Paths of some machine. The pattern is written so that it does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:work|root|home|tmp|mnt|Users)/\w")
TEXT = (".py", ".sh", ".md", ".yaml", ".yml", ".toml", ".txt", ".c")


def sources(pattern):
    """Files of the project as paths relative to the root."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob(pattern)]
    return sorted(path.relative_to(ROOT) for path in found
                  if not {"__pycache__", "output", "logs", "experiments"} & set(path.parts))


# The door to all models in Python. It knows their names alone and imports them when they are asked for; whoever goes
# through it, tools and users, stands above the models.
DOOR = pathlib.Path("mindhuman.py")
PYTHON = [path for path in sources("*.py") if path.parts[0] != "tests"] + [DOOR]
SHELL = [*sources("*.sh"), pathlib.Path(".ci/run")]


@functools.cache
def tree_of(path):
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def module_name(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path, types=True):
    """Full names of what a file imports, wherever in the file; `from a import b` counts as a.b.

    Without `types`, what stands under `if TYPE_CHECKING` for type hints alone is left out: it is never imported.
    """
    names, waiting = set(), [tree_of(path)]
    while waiting:
        node = waiting.pop()
        if types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def inside(name, packages):
    """Whether the dotted `name` is one of the packages, or lies in one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def is_entry(path):
    return any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
               for node in tree_of(path).body)


def calls_when_imported(path):
    """The calls that stand alone at the top level of a file, as (line number, text)."""
    return [(node.lineno, ast.unparse(node)) for node in tree_of(path).body
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]


def test_models_import_themselves_and_common_and_common_imports_no_model():
    wrong = []
    for path in PYTHON:
        home = path.parts[0]
        allowed = {"common": (), "tools": (*MODELS, "mindhuman", "tools", "scripts"), "scripts": ()}.get(home, (home,))
        if home in MESH_MODELS and path == pathlib.Path(home, "infer.py"):
            # The people detector of openpose, on demand.
            allowed += ("openpose",)
        # A bare `src` would be one of five folders of that name.
        forbidden = (*MODELS, "mindhuman", "tools", "scripts", "tests", "src")
        wrong += [f"{path}: {name}" for name in imports_of(path)
                  if inside(name, forbidden) and not inside(name, allowed)]
    assert not wrong


def test_layers_of_common():
    wrong = []
    for path in PYTHON:
        module, names = module_name(path), {
            name for name in imports_of(path, types=False) if inside(name, ("common",))}
        for package, allowed in ALLOWED.items():
            if inside(module, (package,)):
                wrong += [f"{path}: {name}" for name in names if not inside(name, (package, *allowed, *LEAVES))]
        if inside(module, ("common.engine",)):
            wrong += [f"{path}: {name}" for name in names if inside(name, ENGINE_MAY_NOT)]
    assert not wrong


def test_product_code_meets_stand_ins_at_two_doors_only():
    """Where no body-model file is named; tools make sample data and measure with them."""
    meet = {path.as_posix() for path in PYTHON if path.parts[0] != "tools"
            and not inside(module_name(path), ("common.stand_ins",))
            and any(inside(name, ("common.stand_ins",)) for name in imports_of(path))}
    assert meet == set(DOORS_TO_STAND_INS)


def test_numpy_modules_do_not_import_mindspore():
    assert not [f"{path}: {name}" for path in PYTHON if inside(module_name(path), WITHOUT_MINDSPORE)
                for name in imports_of(path, types=False) if inside(name, ("mindspore",))]


def test_torch_is_for_conversion_and_comparison_only():
    assert not [path for path in PYTHON if not path.as_posix().startswith(MAY_IMPORT_TORCH)
                and any(inside(name, ("torch", "torchvision")) for name in imports_of(path))]


def test_device_communication_and_seeds_are_set_in_one_place():
    wrong = []
    for path in PYTHON:
        if path.as_posix() in MAY_SET:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                wrong += [f"{path}:{node.lineno} {called}"] if called in SETTERS else []
        wrong += [f"{path}: {name}" for name in imports_of(path)
                  if inside(name, ("mindspore.communication.init", "mindspore.communication.management.init"))]
    assert not wrong


def unsafe_calls(tree):
    """(line, what) where a file is read in a way that runs its code, or that believes its sizes."""
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        options = {word.arg: ast.unparse(word.value) for word in node.keywords} if called else {}
        last = called.rpartition(".")[2]
        if called in ("eval", "exec") or last in ("Unpickler", "loadmat", "literal_eval") \
                or called in ("pickle.load", "pickle.loads", "dill.load", "dill.loads", "joblib.load", "marshal.loads",
                              "pandas.read_pickle", "yaml.load", "yaml.unsafe_load", "shelve.open", "h5py.File"):
            yield node.lineno, called
        if last == "load" and called.partition(".")[0] in ("np", "numpy") and options.get("allow_pickle") != "False":
            yield node.lineno, f"{called} without allow_pickle=False"
        if called == "torch.load" and options.get("weights_only") != "True":
            yield node.lineno, "torch.load without weights_only=True"
        if last in ("load_checkpoint", "load_checkpoint_async") and called.startswith(("ms.", "mindspore.")):
            yield node.lineno, called
        if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "dill", "marshal", "h5py", "scipy.io"):
            yield node.lineno, f"from {node.module}"


# The doors themselves, and those who write such files.
MAY_CALL = {"common/data/hdf5_files.py": {"h5py.File"}, "common/text_files.py": {"yaml.load"},
            "hmr/src/dataprocess.py": {"h5py.File"},
            **dict.fromkeys([f"common/stand_ins/datasets/{name}.py"
                             for name in ("annotations", "human36m", "human36m_images")], {"h5py.File"}),
            # A notebook is a program that a developer names, like a script after `python`.
            "tools/lab/notebook.py": {"exec", "eval"},
            # The fuzzer changes the content of sample files that it has written itself.
            "tools/lab/fuzz_mutations.py": {"h5py.File", "scipy.io.loadmat", "np.load without allow_pickle=False"}}


def test_files_are_read_through_the_doors_that_check_them():
    assert not [f"{path}:{line} {what}" for path in PYTHON for line, what in unsafe_calls(tree_of(path))
                if what not in MAY_CALL.get(path.as_posix(), ())]


def test_the_search_for_other_doors_finds_them():
    for text in ("pickle.load(f)", "np.load(f)", "numpy.load(f, allow_pickle=True)", "torch.load(f)", "yaml.load(f)",
                 "torch.load(f, weights_only=False)", "scipy.io.loadmat(f)", "eval(x)", "pickle.Unpickler(f)",
                 "ms.load_checkpoint(f)", "h5py.File(f)", "from pickle import loads", "ast.literal_eval(x)"):
        assert list(unsafe_calls(ast.parse(text))), text
    for text in ("np.load(f, allow_pickle=False)", "torch.load(f, weights_only=True)", "load_npz(f)", "pickle.dumps(x)",
                 "read_mat(f)"):
        assert not list(unsafe_calls(ast.parse(text))), text


# MindSpore Hub loads these by their paths, from any folder.
LOADED_BY_PATH = {"openpose/mindspore_hub_conf.py", "openpose/mindspore_hub_config.py"}


# What each model's compiled step takes: its network, its loss.
IN_EACH_MODEL = {"NetworkWithLoss"}


def test_one_class_name_means_one_thing():
    """The laboratory's references of other programs bear the names of what they are compared with."""
    names = collections.Counter(node.name for path in PYTHON if path.parts[:2] != ("tools", "lab")
                                for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef))
    assert {name for name, count in names.items() if count > 1} == IN_EACH_MODEL


def test_entry_scripts_and_only_they_put_the_root_on_the_path():
    wrong = []
    for path in PYTHON:
        if path.as_posix() in LOADED_BY_PATH:
            continue
        changes = [(number, text) for number, text in calls_when_imported(path) if text.startswith("sys.path.")]
        if not is_entry(path):
            wrong += [f"{path}: no entry script, and yet {text}" for _, text in changes]
            continue
        if len(changes) != 1 or not changes[0][1].startswith("sys.path.insert(0, "):
            wrong.append(f"{path}: puts the repository root first on sys.path, once")
            continue
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        if not any("#" in line for line in lines[changes[0][0] - 3:changes[0][0]]):
            wrong.append(f"{path}: a comment says why sys.path is changed")
        if "common.errors.run" not in imports_of(path):
            wrong.append(f"{path}: user errors end as one line, through common.errors.run")
    assert not wrong


def test_importing_has_no_effects():
    assert not [f"{path}:{number} {text}" for path in PYTHON if path != pathlib.Path("common/__init__.py")
                for number, text in calls_when_imported(path) if not text.startswith("sys.path.")]


def test_tests_are_no_packages():
    packages = [path for path in sources("__init__.py") if path.parts[0] == "tests"]
    assert not packages, "tests/common would shadow common"


def test_shell_scripts_parse():
    for path in SHELL:
        done = subprocess.run(["bash", "-n", ROOT / path], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_no_machine_paths():
    files = [path for suffix in TEXT for path in sources(f"*{suffix}")]
    files += [path.relative_to(ROOT) for path in (*ROOT.glob("*.*"), *(ROOT / "docs").rglob("*.md"))
              if path.suffix in TEXT]
    for path in files:
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            assert not MACHINE_PATH.search(line), f"{path}:{number}: {line.strip()}"


def test_text_from_files_is_parsed_in_one_place():
    wrong = []
    for path in PYTHON:
        if path.as_posix() in MAY_PARSE:
            continue
        for node in ast.walk(tree_of(path)):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if re.fullmatch(r"json\.(loads?|JSONDecoder)|yaml\.(\w*load\w*|parse|scan|compose\w*)", called):
                wrong.append(f"{path}:{node.lineno} {called}")
        wrong += [f"{path}: {name}" for name in imports_of(path) if inside(name, ("xml", "lxml", "ruamel", "orjson"))]
    assert not wrong


def test_every_dependency_is_pinned_and_explained():
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    for name in ("requirements.txt", "requirements-gpu.txt", "requirements-convert.txt", "requirements-test.txt",
                 "constraints.txt"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            requirement = line.partition("#")[0].partition(";")[0].strip()
            if not requirement or requirement.startswith("-"):
                continue
            package, equals, version = requirement.partition("==")
            assert equals and re.fullmatch(r"[\w.]+", version), f"{name}: {requirement} is not pinned"
            if name != "constraints.txt":
                assert f"`{package.lower()}`" in explained, f"docs/dependencies.md does not explain {package}"
