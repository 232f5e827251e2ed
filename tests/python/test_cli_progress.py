"""Progress lines: phase, amount, rate, time left."""

import pytest

from elastic_core.cli import progress
from elastic_core.common.progress import Step


class FakeTime:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_line_is_printed_every_few_seconds(
    clock: FakeTime, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress_shown() as show:
        for second in range(12):
            clock.now = 100.0 + second
            show(Step("read", "novels", second * 10**6, 20 * 10**6, "bytes"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "read novels: 5.0 MB of 20.0 MB, 1.0 MB/s, 0:15 left",
        "read novels: 10.0 MB of 20.0 MB, 1.0 MB/s, 0:10 left",
    ]


def test_a_new_phase_has_its_own_rate(clock: FakeTime, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_shown() as show:
        show(Step("read", "novels", 0, 0, "bytes"))
        clock.now += 4
        show(Step("merge", "novels", 0, 8000, "leaves"))
        clock.now += 2
        show(Step("merge", "novels", 2000, 8000, "leaves"))
    assert (
        capsys.readouterr().err
        == "merge novels: 2.0 k of 8.0 k leaves, 1.0 k leaves/s, 0:06 left\n"
    )


def test_unknown_totals_and_rates_are_left_out(
    clock: FakeTime, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress_shown() as show:
        show(Step("read", "-", 0, 0, "bytes"))
        clock.now += 5
        show(Step("read", "-", 5000, 0, "bytes"))
        clock.now += 5
        show(Step("read", "novels", 7000, 7000, "bytes"))
    assert capsys.readouterr().err.splitlines() == [
        "read -: 5.0 kB, 1.0 kB/s",
        "read novels: 7.0 kB of 7.0 kB",
    ]


def test_the_note_of_a_step_replaces_the_speed(
    clock: FakeTime, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress_shown() as show:
        show(Step("score", "novels with tree:8", 0, 20_000, "bytes"))
        clock.now += 4
        show(Step("score", "novels with tree:8", 8000, 20_000, "bytes", "2.104 bits/byte"))
        clock.now += 4
        show(Step("score", "novels with tree:8", 16_000, 20_000, "bytes", "1.832 bits/byte"))
    assert (
        capsys.readouterr().err
        == "score novels with tree:8: 16.0 kB of 20.0 kB, 1.832 bits/byte, 0:02 left\n"
    )


def test_durations_include_hours(clock: FakeTime, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = 3 * 3600 + 5 * 60 + 7
    with progress.progress_shown() as show:
        show(Step("read", "novels", 0, 5000 + 1000 * seconds, "bytes"))
        clock.now += 5
        show(Step("read", "novels", 5000, 5000 + 1000 * seconds, "bytes"))
    assert capsys.readouterr().err.endswith(", 1.0 kB/s, 3:05:07 left\n")
