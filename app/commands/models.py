"""`python -m app models [list]`, `models pull KEY`, `models show KEY` and `models style STYLE FILE…`."""

import argparse
import asyncio
import sys

from app.commands import styles
from app.commands.failures import plainly
from app.database import tell_servers
from app.server import generators
from app.settings import Settings
from executor.cataloguing import LOOK_SECONDS
from executor.models import Models
from generators.diffusion.checkpoints import Shelf
from generators.diffusion.downloads import DownloadError, pull
from generators.diffusion.settings import DiffusionSettings
from store.events import Change
from store.files.vault import Vault
from store.settings import StoreSettings

MIB = 2**20


@plainly
def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """List models, download one, show its card, or make a style of one."""
    if arguments.action == "style":
        return styles.make(settings, arguments.style, arguments.files)
    if arguments.action == "show":
        return _show(Shelf(settings.section(DiffusionSettings)), arguments.key)
    if arguments.action == "pull":
        return asyncio.run(_pull(settings, arguments.key))
    return _list(settings)


def _list(settings: Settings) -> int:
    models = Models(generators(settings, Vault(settings.section(StoreSettings).data_dir / "files")))
    for model in models.list():
        state = models.availability(model.key)
        size = f"{model.native_size.width}x{model.native_size.height}" if model.sizes else ""
        words = "available" if state.available else state.reason
        print(f"{model.key:28} {model.provider.value:10} {size:10} {words}")
        for label, text in (("licence", model.licence), ("note", model.note)):
            if text:
                print(f"{'':28} {label}: {text}")
    return 0


def _show(shelf: Shelf, key: str) -> int:
    card = shelf.card(key)
    if card is None:
        known = ", ".join(entry.key for entry in shelf.checkpoints() if shelf.card(entry.key))
        print(f"{key} has no card on this disk; there is one for: {known or 'none'}.", file=sys.stderr)
        return 1
    print(card)
    return 0


async def _pull(settings: Settings, key: str) -> int:
    chosen = settings.section(DiffusionSettings)
    shelf = Shelf(chosen)
    entry = shelf.get(key) or shelf.network(key)
    if entry is not None:
        print(f"{entry.name} from {entry.source}; licence: {entry.licence or 'not known, see its page'}.")
    try:
        async for progress in pull(shelf, chosen, key):
            done, total = progress.done / MIB, progress.total / MIB
            sys.stderr.write(f"\r{key}: {done:,.0f} of {total:,.0f} MB ({done / max(total, 1e-9):.0%})")
            sys.stderr.flush()
    except DownloadError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\n{key} lies ready.")
    untold = await tell_servers(settings, Change(job_id=None, catalog=True))
    if untold is not None:
        print(f"A running server sees it within {LOOK_SECONDS:.0f} seconds: {untold}.", file=sys.stderr)
    return 0
