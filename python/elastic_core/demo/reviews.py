"""Generated film reviews, positive and negative: enough text for small models."""

import random
from pathlib import Path

from elastic_core.common.files import write_json_lines

_NOUNS = [
    "film",
    "story",
    "plot",
    "script",
    "cast",
    "music",
    "ending",
    "opening",
    "camera",
    "dialogue",
    "director",
    "hero",
    "villain",
    "pace",
    "lighting",
    "editing",
    "humour",
    "scenery",
    "costume",
    "sound",
]
_PEOPLE = [
    "critics",
    "friends",
    "children",
    "viewers",
    "audiences",
    "fans",
    "students",
    "neighbours",
]
_PLACES = ["theatre", "cinema", "festival", "living-room", "school", "matinee", "premiere", "train"]
_WORDS = {
    "positive": (
        [
            "wonderful",
            "brilliant",
            "moving",
            "superb",
            "charming",
            "delightful",
            "perfect",
            "gripping",
            "funny",
            "warm",
            "clever",
            "graceful",
        ],
        ["loved", "enjoyed", "admired", "praised", "cheered", "treasured"],
    ),
    "negative": (
        [
            "awful",
            "boring",
            "dreadful",
            "clumsy",
            "tedious",
            "horrible",
            "lifeless",
            "stupid",
            "dull",
            "painful",
            "lazy",
            "empty",
        ],
        ["hated", "disliked", "mocked", "regretted", "booed", "endured"],
    ),
}
_SENTENCES = (
    "The {noun} was {adjective}.",
    "The {noun} felt {adjective} and the {other} was {second}.",
    "We {verb} the {noun} at the {place}.",
    "Most {people} {verb} it for its {adjective} {noun}.",
    "I call the {noun} {adjective}, even {second}.",
    "My {people} {verb} every {noun} of it.",
)
_OPENING = "{name} {saw} {first} {last} at the {place}."
_NAMES = [
    *("Anna", "Boris", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Iris", "Jonas"),
    *("Karla", "Lukas", "Maria", "Nils", "Olga", "Paul", "Rosa", "Simon", "Tilda", "Viktor"),
]
_SAW = ["saw", "watched", "caught", "reviewed", "streamed"]
_FIRST = ["Golden", "Silent", "Broken", "Last", "Hidden", "Crimson", "Winter", "Lost", "Distant"]
_LAST = ["Harbour", "Storm", "Garden", "Letter", "Bridge", "Mirror", "Valley", "Station", "Crown"]
_LENGTH = (3, 6)

SIGNS = tuple(_WORDS)
"""The signs of reviews: `positive` and `negative`."""


def review(sign: str, number: int) -> str:
    """The review of a sign with a number, always the same."""
    draw = random.Random(f"{sign} {number}")
    adjectives, verbs = _WORDS[sign]
    sentences = [_OPENING, *draw.choices(_SENTENCES, k=draw.randint(*_LENGTH))]
    return " ".join(
        sentence.format(
            name=draw.choice(_NAMES),
            saw=draw.choice(_SAW),
            first=draw.choice(_FIRST),
            last=draw.choice(_LAST),
            noun=draw.choice(_NOUNS),
            other=draw.choice(_NOUNS),
            people=draw.choice(_PEOPLE),
            place=draw.choice(_PLACES),
            adjective=draw.choice(adjectives),
            second=draw.choice(adjectives),
            verb=draw.choice(verbs),
        )
        for sentence in sentences
    )


def write_reviews(folder: Path, count: int) -> None:
    """Writes `positive.jsonl`, `negative.jsonl` and `pretrain.jsonl`, which has both signs.

    Args:
        folder: An existing folder.
        count: Reviews of each sign; `pretrain.jsonl` has four times as many, none of them these.

    Raises:
        OSError: A file cannot be written.
    """
    for sign in SIGNS:
        rows = [{"text": review(sign, number)} for number in range(count)]
        write_json_lines(folder / f"{sign}.jsonl", rows)
    mixed = [{"text": review(SIGNS[number % 2], count + number)} for number in range(4 * count)]
    write_json_lines(folder / "pretrain.jsonl", mixed)
