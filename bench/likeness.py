"""Does somebody keep looking like themselves? Attribute agreement with an approved base image on new scenes.

Random characters; for each an approved base image (the best of four by the classifier, as a person would choose)
and ten scene prompts that never repeat the look. A classifier trained on rendered pictures reads the identity off
base image and scene pictures; agreement is the share of attributes that are read alike. Ways to hold a likeness:

    nothing      the scene prompt alone                  description  the look's description before the prompt
    seed         the base image's seed                   reference    the base image through the IP-Adapter
    lora         a LoRA that the product's trainer       both         reference and LoRA
                 makes of the base and eight pictures
                 (best of four each) in other scenes

Beside each: how well what the prompt asked for was kept (scene, expression, thing in hand). The ceiling is the
classifier's own agreement on drawn pictures of the same characters, after the autoencoder.

    python -m bench.likeness --classifier FILE [--characters 100] [--first 0] [--rows FILE]

The classifier is what `python -m training.starter classifier` leaves (its `state.pt`). Finished characters are kept in
the rows file, so that a run goes on where it stopped and several can share the work (`--first`, `--last`).
"""

import argparse
import json
import pathlib
import random
import time
from typing import Any, Final

import torch

from bench.likeness_cast import ASKED, Character, characters
from bench.likeness_ways import WAYS, Studio, pictures_of, taught
from training.starter.characters import IDENTITY
from training.starter.classifier import Reader
from training.starter.looks import VALUES
from training.starter.render import render

LEARNED: Final = ("lora", "both")
ROUNDS: Final = 2_000
Row = dict[str, Any]


def agreement(character: Character, base: dict[str, int], found: list[dict[str, int]]) -> dict[str, Any]:
    """Share of identity attributes read as in the base image, each and all, and of what was asked for."""
    shown = [name for name in IDENTITY if name in character.look.shown()]
    alike = {name: sum(row[name] == base[name] for row in found) / len(found) for name in shown}
    pairs = list(zip(found, character.scenes, strict=True))
    kept = {
        name: sum(row[name] == VALUES[name].index(getattr(look, name)) for row, look in pairs) / len(pairs)
        for name in ASKED
    }
    return {
        "identity": sum(alike.values()) / len(alike),
        "asked": sum(kept.values()) / len(kept),
        **alike,
        **kept,
    }


def measured(studio: Studio, character: Character, ways: list[str], steps: int) -> Row:
    """All figures of one character."""
    begun = time.process_time()
    studio.approve(character)
    row: Row = {"character": character.number}
    for way in (way for way in ways if way not in LEARNED):
        found = studio.readings(pictures_of(studio, character, way))
        row[way] = agreement(character, character.found, found)
    if set(LEARNED) & set(ways):
        adapter, row["training_seconds"] = taught(studio, character, steps)
        row["adapter_bytes"] = len(adapter)
        studio.wear(adapter)
        for way in (way for way in ways if way in LEARNED):
            found = studio.readings(pictures_of(studio, character, way))
            row[way] = agreement(character, character.found, found)
        studio.take_off()
    drawn = studio.there_and_back([render(character.look), *map(render, character.scenes)])
    base, *others = studio.readings(drawn)
    row["ceiling"] = agreement(character, base, others)
    row["seconds"] = time.process_time() - begun
    return row


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and its 95 % percentile bootstrap interval over characters (Efron, 1979)."""
    rng = random.Random(3)
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(ROUNDS))
    return sum(values) / len(values), means[int(0.025 * ROUNDS)], means[int(0.975 * ROUNDS)]


def table(rows: list[Row]) -> str:
    """The figures as Markdown."""
    top = interval([row["ceiling"]["identity"] for row in rows])[0]
    lines = [
        "| held by | characters | identity | of the ceiling | scene, mood and thing as asked |",
        "|---|---|---|---|---|",
    ]
    for way in (*WAYS, "ceiling"):
        some = [row[way] for row in rows if way in row]
        if some:
            same, low, high = interval([one["identity"] for one in some])
            kept, kept_low, kept_high = interval([one["asked"] for one in some])
            lines.append(
                f"| {way} | {len(some)} | {same:.3f} ({low:.3f}-{high:.3f}) | {same / top:.1%} "
                f"| {kept:.3f} ({kept_low:.3f}-{kept_high:.3f}) |"
            )
    return "\n".join(lines)


def by_attribute(rows: list[Row]) -> str:
    """Identity attribute by attribute as Markdown."""
    ways = [way for way in (*WAYS, "ceiling") if any(way in row for row in rows)]
    lines = [f"| attribute | {' | '.join(ways)} |", "|---|" + "---|" * len(ways)]
    for name in (*IDENTITY, *ASKED):
        cells = []
        for way in ways:
            values = [row[way][name] for row in rows if way in row and name in row[way]]
            cells.append(f"{sum(values) / len(values):.3f}" if values else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def kept_rows(path: pathlib.Path | None) -> list[Row]:
    """What earlier runs have measured."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    """Measure what is missing and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--classifier", type=pathlib.Path, default=pathlib.Path("data/training/classifier/state.pt")
    )
    parser.add_argument(
        "--checkpoint", type=pathlib.Path, default=pathlib.Path("training/starter/checkpoint")
    )
    parser.add_argument("--characters", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, help="one past the last character of this run")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--steps", type=int, default=200, help="training steps of a LoRA")
    parser.add_argument("--rows", type=pathlib.Path, help="JSON lines, one a character; gone on with")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader = Reader()
    reader.load_state_dict(torch.load(args.classifier, weights_only=True)["average"])
    studio = Studio(args.checkpoint, reader)
    rows = kept_rows(args.rows)
    done = {row["character"] for row in rows}
    for character in characters(args.characters)[args.first : args.last]:
        if character.number in done:
            continue
        rows.append(measured(studio, character, args.ways.split(","), args.steps))
        if args.rows is not None:
            with args.rows.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
        print(f"character {character.number}: {rows[-1]['seconds']:.0f} s", flush=True)
    print(f"\n{table(rows)}\n\n{by_attribute(rows)}")


if __name__ == "__main__":
    main()
