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


STAGES = {"autoencoder": _autoencoder}


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
    parser.add_argument("--adam", action="store_true", help="AdamW for everything, for comparison")
    args = parser.parse_args()
    be_modest(args.threads)
    STAGES[args.stage](args)


if __name__ == "__main__":
    main()
