"""Fine-tuning in several processes, as `accelerate launch` starts them."""

import json
import socket
import subprocess
import sys
from pathlib import Path

from conftest import environment

from elastic_core.common.manifest import MANIFEST, is_intact
from elastic_core.training import callbacks

PROCESSES = 2
CODE = """
import os, sys, torch, elastic_core as ec
torch.set_num_threads(1)
model, last = sys.argv[1], int(sys.argv[2])
def stop(step):
    if step.done == last:
        os._exit(7)
recipe = ec.Recipe(steps=4, batch=2, accumulation=1, max_length=16, dtype="float32", device="cpu")
rows = [{"prompt": f"To be {number}:", "completion": " or not"} for number in range(16)]
ec.train(model, rows, recipe, "out", seed=1, progress=stop)
"""


def train_together(folder: Path, checkpoint: Path, last: int) -> list[tuple[int, str]]:
    """Trains in several processes, of which the first exits at a step; their ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    running = []
    for rank in range(PROCESSES):
        shared = {"WORLD_SIZE": str(PROCESSES), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        ranks = {"RANK": str(rank), "LOCAL_RANK": str(rank), "ACCELERATE_USE_CPU": "true"}
        call = [sys.executable, "-c", CODE, str(checkpoint), str(last)]
        running.append(
            subprocess.Popen(
                call,
                cwd=folder,
                env=environment(**shared, **ranks),
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    ends = [process.communicate(timeout=300)[1] for process in running]
    return [(process.returncode, end) for process, end in zip(running, ends, strict=True)]


def test_a_state_of_several_processes_has_a_manifest(checkpoint: Path, tmp_path: Path) -> None:
    ends = train_together(tmp_path, checkpoint, last=3)
    assert ends[0][0] == 7, ends
    states = tmp_path / "out.partial"
    state = callbacks.last_state(states)
    assert state == states / "checkpoint-2"
    assert is_intact(state)
    listed = json.loads((state / MANIFEST).read_text())["files"]
    assert {"model.safetensors", "rng_state_0.pth", "rng_state_1.pth"} <= listed.keys()
    weights = (state / "model.safetensors").read_bytes()
    (state / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    assert callbacks.last_state(states) == states / "checkpoint-1"
