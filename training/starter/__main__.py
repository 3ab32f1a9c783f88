"""Command line of the starter checkpoint's training: one stage per call, resumable."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.starter.runs import Plan, be_modest


def _plan(args: argparse.Namespace, **usual: float) -> Plan:
    return Plan(
        folder=Path(args.folder) / args.stage,
        steps=args.steps or int(usual["steps"]),
        rate=args.rate or usual["rate"],
        decay=args.decay if args.decay is not None else int(usual["decay"]),
        seed=args.seed,
        save_every=args.save_every,
        log_every=args.log_every,
    )


def _autoencoder(args: argparse.Namespace) -> None:
    from training.starter.autoencoder import train_autoencoder

    plan = _plan(args, steps=7000, rate=2e-3, decay=1500)
    train_autoencoder(plan, batch=args.batch or 8, pixels=args.pixels, muon=not args.adam)


def _text(args: argparse.Namespace) -> None:
    from training.starter.parts import load_tokenizer
    from training.starter.text import train_text
    from training.starter.tokenizer import build_tokenizer

    plan = _plan(args, steps=1200, rate=1.5e-3, decay=400)
    folder = Path(args.folder)
    if not (folder / "tokenizer").exists():
        build_tokenizer(folder / "tokenizer")
    train_text(plan, load_tokenizer(folder), batch=args.batch or 64)


def _decoder(args: argparse.Namespace) -> None:
    import torch

    from training.starter.decoding import train_decoder

    plan = _plan(args, steps=3800, rate=1.5e-3, decay=1300)
    state = torch.load(Path(args.folder) / "autoencoder" / "state.pt", weights_only=True)
    train_decoder(plan, state["average"], batch=args.batch or 8, pixels=args.pixels)


def _latents(args: argparse.Namespace) -> None:
    from training.starter.latents import write_shards
    from training.starter.parts import load_autoencoder

    folder = Path(args.folder)
    model = load_autoencoder(folder)
    write_shards(model, folder / "latents", range(args.first, args.shards), pixels=args.pixels)


def _classifier(args: argparse.Namespace) -> None:
    from training.starter.classifier import train_classifier
    from training.starter.parts import load_autoencoder

    plan = _plan(args, steps=1800, rate=1.5e-3, decay=700)
    train_classifier(plan, load_autoencoder(Path(args.folder)), batch=args.batch or 48)


def _denoiser(args: argparse.Namespace) -> None:
    from training.starter.denoising import run_denoiser

    plan = _plan(args, steps=5000, rate=2e-3, decay=0)
    run_denoiser(plan, Path(args.folder), batch=args.batch or 32)


def _joint(args: argparse.Namespace) -> None:
    from training.starter.denoising import run_joint

    plan = _plan(args, steps=3800, rate=1.5e-3, decay=2200)
    run_joint(plan, Path(args.folder), batch=args.batch or 32)


def _wording(args: argparse.Namespace) -> None:
    from training.starter.denoising import run_wording

    plan = _plan(args, steps=1800, rate=6e-4, decay=1300)
    run_wording(plan, Path(args.folder), batch=args.batch or 16)


def _usual(args: argparse.Namespace) -> None:
    from training.starter.denoising import run_usual

    plan = _plan(args, steps=1500, rate=6e-4, decay=1000)
    run_usual(plan, Path(args.folder), batch=args.batch or 24)


def _vision(args: argparse.Namespace) -> None:
    from training.starter.parts import load_reader
    from training.starter.vision import train_vision

    plan = _plan(args, steps=1600, rate=1.5e-3, decay=600)
    train_vision(plan, load_reader(Path(args.folder)), batch=args.batch or 48)


def _evaluate(args: argparse.Namespace) -> None:
    import json

    import torch
    from diffusers import StableDiffusionPipeline

    from training.starter import evaluation
    from training.starter.classifier import Reader
    from training.starter.eyes import eyes_figures
    from training.starter.tokenizer import known_words

    folder = Path(args.folder)
    source = Path(args.checkpoint) if args.checkpoint else folder / "export"
    made = StableDiffusionPipeline.from_pretrained(source, dtype=torch.float32)
    made.set_progress_bar_config(disable=True)
    reader = Reader()
    reader.load_state_dict(torch.load(folder / "classifier" / "state.pt", weights_only=True)["average"])
    steps = args.steps or 15
    figures = {
        "eyes": eyes_figures(made, steps=steps),
        "autoencoder": evaluation.autoencoder_figures(made),
        "attributes": evaluation.attributes(
            made, reader, count=args.batch or 192, steps=steps, sheet_path=folder / "sheet-attributes.png"
        ),
        "free_prompts": evaluation.free_prompt_figures(
            made, reader, steps=steps, known=known_words(), sheet_path=folder / "sheet-free-prompts.png"
        ),
        "free_prompts_as_written": evaluation.free_prompt_figures(made, reader, steps=steps),
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _exhibit(args: argparse.Namespace) -> None:
    import torch
    from diffusers import StableDiffusionPipeline

    from training.starter.exhibits import write_exhibits

    folder = Path(args.folder)
    source = Path(args.checkpoint) if args.checkpoint else folder / "export"
    made = StableDiffusionPipeline.from_pretrained(source, dtype=torch.float32)
    made.set_progress_bar_config(disable=True)
    write_exhibits(made, source, folder, Path("docs") / "starter")


def _unpack(args: argparse.Namespace) -> None:
    from training.starter.unpack import unpack

    if not args.checkpoint:
        raise SystemExit("unpack needs --checkpoint: the exported folder to begin from")
    unpack(Path(args.checkpoint), Path(args.folder))


def _export(args: argparse.Namespace) -> None:
    from training.starter.export import export

    target = Path(args.checkpoint) if args.checkpoint else Path(args.folder) / "export"
    print(export(Path(args.folder), target, stage=args.part), "bytes in", target)


STAGES = {
    "unpack": _unpack,
    "vision": _vision,
    "evaluate": _evaluate,
    "export": _export,
    "exhibit": _exhibit,
    "autoencoder": _autoencoder,
    "text": _text,
    "decoder": _decoder,
    "latents": _latents,
    "classifier": _classifier,
    "denoiser": _denoiser,
    "joint": _joint,
    "wording": _wording,
    "usual": _usual,
}


def main() -> None:
    """Parse the arguments and run one stage."""
    parser = argparse.ArgumentParser(prog="python -m training.starter", description=__doc__)
    parser.add_argument("stage", choices=sorted(STAGES))
    parser.add_argument("--folder", default="./data/training")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--decay", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--niceness", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="first shard of latents")
    parser.add_argument("--shards", type=int, default=12, help="shards of latents, 4096 each")
    parser.add_argument("--checkpoint", help="exported folder; FOLDER/export when left out")
    parser.add_argument(
        "--part", default="usual", choices=("denoiser", "joint", "wording", "usual"), help="what is exported"
    )
    parser.add_argument("--adam", action="store_true", help="AdamW for everything, for comparison")
    args = parser.parse_args()
    be_modest(args.threads, args.niceness)
    STAGES[args.stage](args)


if __name__ == "__main__":
    main()
