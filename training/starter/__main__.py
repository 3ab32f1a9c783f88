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
    )


def _autoencoder(args: argparse.Namespace) -> None:
    from training.starter.autoencoder import train_autoencoder

    plan = _plan(args, steps=8000, rate=2e-3, decay=2000)
    train_autoencoder(plan, batch=args.batch or 8, pixels=args.pixels, muon=not args.adam)


def _text(args: argparse.Namespace) -> None:
    from training.starter.text import train_text
    from training.starter.tokenizer import build_tokenizer

    plan = _plan(args, steps=3000, rate=1.5e-3, decay=800)
    tokenizer = build_tokenizer(Path(args.folder) / "tokenizer")
    train_text(plan, tokenizer, batch=args.batch or 64)


def _latents(args: argparse.Namespace) -> None:
    from training.starter.latents import write_shards
    from training.starter.parts import load_autoencoder

    folder = Path(args.folder)
    model = load_autoencoder(folder)
    write_shards(model, folder / "latents", range(args.first, args.shards), args.pixels)


def _denoiser(args: argparse.Namespace) -> None:
    from training.starter.denoising import run_denoiser

    plan = _plan(args, steps=6000, rate=1.5e-3, decay=0)
    run_denoiser(plan, Path(args.folder), batch=args.batch or 32, joint=False)


def _joint(args: argparse.Namespace) -> None:
    from training.starter.denoising import run_denoiser

    plan = _plan(args, steps=2500, rate=1.5e-3, decay=1500)
    run_denoiser(plan, Path(args.folder), batch=args.batch or 32, joint=True)


STAGES = {
    "autoencoder": _autoencoder,
    "text": _text,
    "latents": _latents,
    "denoiser": _denoiser,
    "joint": _joint,
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
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="first shard of latents")
    parser.add_argument("--shards", type=int, default=10, help="shards of latents, 4096 each")
    parser.add_argument("--adam", action="store_true", help="AdamW for everything, for comparison")
    args = parser.parse_args()
    be_modest(args.threads)
    STAGES[args.stage](args)


if __name__ == "__main__":
    main()
