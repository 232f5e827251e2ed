"""The findings of a measurement, and the compressors beside it."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

import elastic_core as ec
from elastic_core.common.progress import Step
from elastic_core.corpora.sources import file_kinds, files_by_kind
from elastic_core.measuring import compare as comparing
from elastic_core.measuring.compare import compare


def test_one_corpus_by_hand(tmp_path: Path) -> None:
    # Chunks of 2: ab x 4, cd, ef, and EOS. Of 4 leaves 3 occur once, as do 3 of 7 segments.
    (tmp_path / "a.txt").write_text("abababab" + "cdef")
    result = ec.measure(tmp_path / "a.txt", depth=2, compare=["zstd:3", "xz:1"])
    (corpus,) = result.corpora
    ratio, whole = corpus.static_rate.ratio, corpus.static_rate.with_codebook_ratio
    zstd, xz = (each.ratio for each in corpus.compare)
    size, once, depth = result.findings
    assert size == (
        f"The ideal code for segments of 2 symbols takes {ratio:.1%} of the size of the text, and "
        f"{whole:.1%} with the codebook that a decoder needs, more than the text itself; zstd:3 "
        f"takes {zstd:.1%} and xz:1 takes {xz:.1%}."
    )
    assert (
        once == "At depth 2, 75.0% of the 4 leaves occurred once, which is 42.9% of all segments."
    )
    assert depth == (
        "Depth 2 therefore describes the language of the corpus only in part: about 42.9% of "
        "the segments of further text would be new."
    )


def test_the_depth_that_still_describes_the_language_is_named(tmp_path: Path) -> None:
    # 60 chunks of 3 that begin with one of two letters: at depth 1 only EOS occurs once, 1 of 61.
    text = "".join("ab"[number % 2] + f"{number:02}" for number in range(60))
    (tmp_path / "a.txt").write_text(text)
    findings = ec.measure(tmp_path / "a.txt", depth=3).findings
    assert findings[1].startswith("At depth 3, 100.0% of the 61 leaves occurred once")
    assert findings[2] == (
        "Depth 3 therefore describes the size of the corpus more than its language: about 100.0% "
        "of the segments of further text would be new. Up to depth 2 it would be less than "
        "10%."
    )
    assert ec.measure(tmp_path / "a.txt", depth=1).findings[2] == (
        "Depth 1 therefore describes the language of the corpus: about 0.6% of the segments of "
        "further text would be new."
    )


def test_segments_without_a_rate_have_findings(play: Path) -> None:
    once, depth = ec.measure(play, segment="window", depth=2).findings
    assert once.startswith("At depth 2, ")
    assert depth.startswith("Depth 2 therefore describes")
    size, _, _ = ec.measure(play, segment="window", depth=2, compare=["gzip:9"]).findings
    assert size.startswith("gzip:9 takes ")
    assert size.endswith(" of the size of the text.")


def test_several_corpora_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("same.txt").write_text("ab" * 50)
    Path("new.txt").write_text("".join(map(chr, range(33, 93))))
    result = ec.measure("same.txt", "new.txt", depth=2, compare=["zstd:3"], models=["tree:2"])
    codes, zstd, tree, once, depth = result.findings
    same, new, joint = result.corpora
    assert f"{new.static_rate.with_codebook_ratio:.1%} of new.txt and " in codes
    assert codes.endswith(f"{joint.static_rate.ratio:.1%} of joint.")
    assert zstd.startswith(f"zstd:3 takes {same.compare[0].ratio:.1%} of same.txt, ")
    assert tree.startswith("tree:2 takes ")
    assert once == (
        "At depth 2, segments that occurred once are 2.0% of those of same.txt, 100.0% of those of "
        "new.txt and 36.6% of those of joint."
    )
    assert depth == (
        "Depth 2 therefore describes the language of same.txt; the language of joint only in part; "
        "the size of new.txt more than its language."
    )


def test_compressors_give_the_same_sizes_at_once_and_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 4000)
    corpus = ec.Corpus(tmp_path / "a.txt")
    names = ["xz:6", "zstd:1", "bzip2:1", "gzip:1"]
    steps: list[Step] = []
    size = 256 * 4000
    at_once = compare([corpus], names, size=size, threads=2, progress=steps.append)
    one_by_one = [compare([corpus], [name], size=size)[0] for name in names]
    assert list(at_once) == one_by_one
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert {(step.phase, step.total, step.unit) for step in steps} == {("compress", size, "bytes")}


def test_an_error_stops_all_compressors(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "to be"}\nor not\n')

    def give_up(_: Step) -> None:
        raise RuntimeError("enough")

    with pytest.raises(ec.CorpusError, match="line 2"):
        compare([ec.Corpus(tmp_path / "a.jsonl")], ["zstd:1", "xz:1"], size=5)
    (tmp_path / "long.txt").write_bytes(bytes(range(256)) * 40_000)
    with pytest.raises(RuntimeError, match="enough"):
        compare([ec.Corpus(tmp_path / "long.txt")], ["xz:9"] * 3, size=1, progress=give_up)
    assert not [each for each in threading.enumerate() if each.name.startswith("compressor")]


def test_files_are_counted_by_extension() -> None:
    files = ["a/x.txt", "b.TXT", "c.jsonl.gz", "d.v1.txt", "README", "e.tar.txt"]
    kinds = file_kinds(files)
    assert kinds == {".txt": 4, "": 1, ".jsonl.gz": 1}
    assert files_by_kind(kinds) == "6 files: 4 .txt, 1 without extension, 1 .jsonl.gz"
    assert files_by_kind({".txt": 98}) == "98 files: all .txt"
    assert files_by_kind({"": 2}) == "2 files"
    many = {f".{letter}": 1 for letter in "abcdefg"}
    assert files_by_kind(many) == "7 files: 1 .a, 1 .b, 1 .c, 1 .d, 3 of 3 other kinds"


def test_the_time_left_counts_compressors_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(comparing, "time", SimpleNamespace(monotonic=lambda: now[0]))
    first, second = runners = [comparing._Runner(), comparing._Runner()]
    race = comparing._Race(runners, 1000, 1)
    now[0], first.start = 1.0, 1.0
    assert race.bytes_done() == 0, "no speed is known yet"
    now[0], first.done = 5.0, 400
    # 4 s for 400 bytes, so 6 s are left; the other is expected to take 10 s.
    assert race.bytes_done() == int(1000 * 5 / (5 + 6 + 10))
    now[0], first.end, second.start, second.done = 13.0, 11.0, 11.0, 500
    assert race.bytes_done() == int(1000 * 13 / (13 + 2))
    now[0], second.done = 20.0, 501
    assert race.bytes_done() == 866, "it never decreases"
