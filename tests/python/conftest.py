"""Shared by all tests: hypothesis profiles, the command line as a user runs it, sample text."""

import ctypes
import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # Tests run in one process per core.

if sys.platform == "linux":
    # No huge pages, here and in programs that tests start: the tables of tree models hold little in
    # tests, and the system would clear 2 MiB for each entry. 41 is PR_SET_THP_DISABLE.
    ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)

settings.register_profile("fast", max_examples=40, deadline=None)
settings.register_profile(
    "slow", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

HAMLET = """To be, or not to be, that is the question:
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune"""

SCRIPTS = Path(sys.executable).parent
PROGRAM = SCRIPTS / "elastic-core"
FORKED = Path(__file__).parent / "forked" / "elastic-core"
"""Does what `PROGRAM` does, without starting an interpreter; see `program_server.py`."""


def pytest_configure(config: pytest.Config) -> None:
    """Starts one server of `elastic-core` for all processes of `pytest -n`, and before them.

    It imports most of what they import, and so leaves them its bytecode.
    """
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        stack = ExitStack()
        config.add_cleanup(stack.close)
        stack.enter_context(serving(Path(stack.enter_context(tempfile.TemporaryDirectory()))))


def pytest_collection_finish() -> None:
    """Keeps the garbage collector from visiting torch and all that is imported, again and again."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Done:
    """The exit code and output of a finished program."""

    code: int
    out: str
    err: str


CommandLine = Callable[..., Done]

_SERVER = "ELASTIC_CORE_SERVER"
_READ_EARLY = ("LC_", "LD_", "PYTHON", "HF_", "OMP_")


def environment(**more: str) -> dict[str, str]:
    """A user's environment: a terminal of 80 columns, with our programs on the path."""
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", "")])
    if _SERVER in os.environ:
        path = os.pathsep.join([str(FORKED.parent), path])
    return {**os.environ, "PATH": path, "COLUMNS": "80", "LC_ALL": "C.UTF-8", **more}


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mounts a disk in memory on a new folder; the test is skipped if that is not permitted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    if not is_mounted:
        pytest.skip("nothing can be mounted here")
    yield
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Has `elastic-core` on the path of `environment` run in forks of one process."""
    path = folder / "socket"
    script = Path(__file__).parent / "program_server.py"
    call = [sys.executable, str(script), str(path), str(PROGRAM)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, env=environment()) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        os.environ[_SERVER] = str(path)
        yield
        del os.environ[_SERVER]
        server.kill()


@pytest.fixture(scope="session")
def program_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server of `elastic-core`, unless all processes of `pytest -n` share one."""
    if _SERVER in os.environ:
        yield
    else:
        with serving(tmp_path_factory.mktemp("server")):
            yield


@pytest.fixture
def cli(tmp_path: Path, program_server: None) -> CommandLine:  # noqa: ARG001
    """Runs `elastic-core ARGUMENTS...` in the test's folder.

    Variables that an interpreter or a library reads when it starts need a new one.
    """

    def run(*arguments: str | Path, stdin: bytes = b"", **more: str) -> Done:
        changed = [name for name, value in more.items() if os.environ.get(name) != value]
        program = PROGRAM if any(name.startswith(_READ_EARLY) for name in changed) else FORKED
        done = subprocess.run(
            [program, *arguments],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=environment(**more),
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def play(tmp_path: Path) -> Path:
    """A small plain text in the test's folder."""
    file = tmp_path / "play.txt"
    file.write_text("to be or not to be, that is the question\n" * 3)
    return file


@pytest.fixture(scope="session")
def one_thread() -> None:
    """Limits torch to one thread, which is faster for models this small."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoint(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """The folder of a tiny untrained Llama with a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("checkpoint")
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([HAMLET] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def data() -> Path:
    """The folder of real data; tests that need it are skipped if it is missing."""
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data are not here")
    return folder
