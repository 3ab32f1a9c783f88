"""`python -m app retention [--dry-run]`: removes undecided pictures that are older than RETENTION_DAYS."""

import argparse
import asyncio
import sys

from app.commands.failures import plainly
from app.database import open_database
from app.publishing import places
from app.settings import Settings
from executor.retention import Retention
from store.files.vault import Vault
from store.publishing_settings import PublishingSettings
from store.settings import StoreSettings


@plainly
def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Remove, or with `--dry-run` only list; a server may be running beside it."""
    return asyncio.run(_run(settings, dry=arguments.dry_run))


async def _run(settings: Settings, *, dry: bool) -> int:
    days = settings.section(PublishingSettings).retention_days
    vault = Vault(settings.section(StoreSettings).data_dir / "files")
    if not days:
        print("RETENTION_DAYS is 0: nothing is ever removed.", file=sys.stderr)
    async with open_database(settings, beside=True) as opened:
        retention = Retention(opened.database, vault, places(settings).copies, days)
        if not dry:
            print(f"Removed: {await retention.sweep()}.")
            return 0
        due = await retention.due()
    for one in due:
        print(f"{one.finished_at:%Y-%m-%d %H:%M}  {one.size:>10,} bytes  {one.name}  ({one.variant_id})")
    total = sum(one.size for one in due)
    print(f"Would go: {len(due)}, {total:,} bytes. `keepVariant` exempts a picture.")
    return 0
