"""Where a model runs and with which numbers."""

import torch

from elastic_core._core import InvalidArgumentError

DTYPES = ("auto", "float32", "bfloat16", "float16")
"""What `--dtype` may be."""


def pick_device(name: str) -> torch.device:
    """The device of this name.

    Args:
        name: `auto` (the first GPU, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises:
        InvalidArgumentError: The name is none of these, or this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise InvalidArgumentError(
            f"unknown device {name!r}: choose auto, cpu, cuda, cuda:N, mps or balanced"
        )
    count = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }[device.type]
    if (device.index or 0) >= count:
        raise InvalidArgumentError(
            f"device {name}: this machine has no such device; choose auto to take what there is"
        )
    return device


def check_dtype(name: str) -> None:
    """Refuses what is no dtype.

    Raises:
        InvalidArgumentError: The name is not one of `DTYPES`.
    """
    if name not in DTYPES:
        raise InvalidArgumentError(f"unknown dtype {name!r}: choose {', '.join(DTYPES)}")
