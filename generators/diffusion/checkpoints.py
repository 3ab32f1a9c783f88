"""Which checkpoints there are, where they lie on this disk, and why one cannot be used.

Reads folder listings and small JSON files only: no torch, no network, cheap enough for the event loop.
"""

import dataclasses
import hashlib
import json
import re
import threading
from pathlib import Path
from typing import Any

from generators.catalog import Availability, Capability, Size
from generators.diffusion.catalog_entries import BUILTIN, Checkpoint
from generators.diffusion.extras import BUILTIN_EXTRAS, HUB_ID, Extra, ExtraKind, configured, own_adapter
from generators.diffusion.families.cards import BY_PIPELINE, FamilyCard
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.sizes import LEAST_SIDE

INDEX = "model_index.json"
CARD = "likeness.json"
UNVERIFIED = ".likeness-unverified"
STARTER_KEY = "starter"
SHIPPED_STARTER = Path("training") / "starter" / "checkpoint"
CONFIGURED_FIRST = 100  # what the owner named on purpose goes before what happens to lie in a shared cache
EXTRA_CAPABILITIES = {
    ExtraKind.IP_ADAPTER: Capability.REFERENCE_IMAGES,
    ExtraKind.CONTROLNET: Capability.CONTROLNET,
}
Json = dict[str, Any]
Traces = frozenset[tuple[str, int, int]] | None


class Shelf:
    """The checkpoints of one server. Thread-safe."""

    def __init__(self, settings: DiffusionSettings) -> None:
        """Raises ValueError when two checkpoints would have the same key, or an extra is not understood."""
        self._settings = settings
        self._lock = threading.Lock()
        self._broken: dict[str, tuple[str, Traces]] = {}
        entries = [_configured(text) for text in settings.local_checkpoints]
        if settings.builtin_checkpoints:
            taken = {entry.key for entry in entries}
            entries += [entry for entry in BUILTIN if entry.key not in taken]
        if settings.starter_checkpoint:
            entries.append(_starter(self.starter_folder()))
        own = [configured(text) for text in settings.local_extras]
        self._extras = [*own, *(BUILTIN_EXTRAS if settings.builtin_checkpoints else ())]
        self._entries: dict[str, Checkpoint] = {}
        for entry in entries:
            if entry.key in self._entries:
                raise ValueError(
                    f"Two local checkpoints have the key {entry.key!r}; name one `other-key=...`."
                )
            self._entries[entry.key] = entry

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All of them, best first; what lies on disk is described by its own files."""
        entries = [self._described(entry) for entry in self._entries.values()]
        return tuple(sorted(entries, key=lambda entry: -entry.rank))

    def get(self, key: str) -> Checkpoint | None:
        """One of them; None when nobody knows the key."""
        entry = self._entries.get(key)
        return self._described(entry) if entry else None

    def best(self) -> Checkpoint | None:
        """The highest in rank that can be used now."""
        return next((entry for entry in self.checkpoints() if self.availability(entry.key).available), None)

    def folder(self, entry: Checkpoint) -> Path | None:
        """Where it lies, or None when it does not."""
        if entry.is_folder:
            folder = Path(entry.source).expanduser()
            return folder if (folder / INDEX).is_file() else None
        return self._hub_folder(entry)

    def card(self, key: str) -> str | None:
        """The README of its folder without its front matter; None when it is not on disk or has none."""
        entry = self._entries.get(key)
        folder = self.folder(entry) if entry is not None else None
        path = folder / "README.md" if folder is not None else None
        if path is None or not path.is_file():
            return None
        return re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL).strip()

    def availability(self, key: str) -> Availability:
        """Whether it can be loaded, as far as its files tell; a load that failed is remembered."""
        entry = self._entries.get(key)
        if entry is None:
            return self._extra_availability(key)
        folder = self.folder(entry)
        with self._lock:
            broken, traces = self._broken.get(key, ("", None))
        if broken and traces == _traces(folder):
            return Availability(available=False, reason=broken)
        if folder is None:
            if entry.key == STARTER_KEY:
                return Availability(available=True, loading=True, reason="It is built at first use.")
            return Availability(available=False, reason=_absent(entry))
        reason = _unusable(folder)
        return Availability(available=reason is None, reason=reason)

    def broke(self, key: str, reason: str) -> None:
        """Remember that loading failed; until `mended`, or until its files are others, `availability` gives the reason."""
        entry = self._entries.get(key)
        traces = _traces(self.folder(entry) if entry is not None else None)
        with self._lock:
            self._broken[key] = (reason, traces)

    def mended(self, key: str) -> None:
        """Forget an earlier failure, after a download or a successful load."""
        with self._lock:
            self._broken.pop(key, None)

    def installed(self, kind: ExtraKind, entry: Checkpoint) -> tuple[Extra, Path] | None:
        """The installed network of that kind for a checkpoint: its own, else its family's, configured ones first.

        The starter takes none of its family's: they fit Stable Diffusion's larger networks only.
        """
        own = own_adapter(self.folder(entry)) if kind is ExtraKind.IP_ADAPTER else None
        if own is not None or entry.key == STARTER_KEY:
            return own
        for extra in self._extras:
            if extra.kind is kind and extra.family == entry.family:
                folder = self.extra_folder(extra)
                if folder is not None:
                    return extra, folder
        return None

    def extras(self) -> tuple[Extra, ...]:
        """All that are known, installed or not."""
        return tuple(self._extras)

    def network(self, key: str) -> Extra | None:
        """The first of that key; None when nobody knows it."""
        return next((extra for extra in self._extras if extra.key == key), None)

    def _extra_availability(self, key: str) -> Availability:
        extra = self.network(key)
        if extra is None:
            return Availability(available=False, reason=f"No local checkpoint has the key {key!r}.")
        if self.extra_folder(extra) is not None:
            return Availability(available=True)
        lacking = f"The folder {extra.source} lacks one of {', '.join(extra.files())}."
        return Availability(available=False, reason=lacking if extra.is_folder else absent(key))

    def extra_folder(self, extra: Extra) -> Path | None:
        """Where it lies, complete; else None."""
        if not extra.is_folder and self.unverified(extra).exists():
            return None
        folder = Path(extra.source) if extra.is_folder else self.snapshot(extra.source, extra.revision)
        return folder if all((folder / name).is_file() for name in extra.files()) else None

    def starter_folder(self) -> Path:
        """Where the starter lies or will be built: as configured, as shipped, else under the data folder."""
        if self._settings.starter_folder is not None:
            return self._settings.starter_folder
        shipped = Path(__file__).resolve().parents[2] / SHIPPED_STARTER
        return shipped if (shipped / INDEX).is_file() else self._settings.checkpoint_dir / STARTER_KEY

    def hub_cache(self) -> Path:
        """The folder of downloads."""
        if self._settings.hub_cache is not None:
            return self._settings.hub_cache
        from huggingface_hub import constants

        return Path(constants.HF_HUB_CACHE)

    def snapshot(self, repo: str, revision: str | None = None) -> Path:
        """Where the hub's tools put that revision; nothing need lie there."""
        root = self._cached(repo)
        ref = root / "refs" / (revision or "main")
        commit = ref.read_text().strip() if ref.is_file() else revision or "main"
        return root / "snapshots" / commit

    def unverified(self, entry: Checkpoint | Extra) -> Path:
        """A mark that lies there from a download's first byte until its files are verified; a repository may hold more."""
        part = "\n".join(entry.files()) if isinstance(entry, Extra) else ""
        told = hashlib.sha256(f"{entry.revision}\n{part}".encode()).hexdigest()[:8]
        return self._cached(entry.source) / f"{UNVERIFIED}-{told}"

    def _cached(self, repo: str) -> Path:
        return self.hub_cache() / f"models--{repo.replace('/', '--')}"

    def _hub_folder(self, entry: Checkpoint) -> Path | None:
        folder = self.snapshot(entry.source, entry.revision)
        if self.unverified(entry).exists():
            return None
        if not (folder / INDEX).is_file() or _missing_parts(folder):
            return None
        return folder

    def _described(self, entry: Checkpoint) -> Checkpoint:
        folder = self.folder(entry)
        if folder is not None:
            entry = _read_card(entry, folder)
        able = {capability for kind, capability in EXTRA_CAPABILITIES.items() if self.installed(kind, entry)}
        return dataclasses.replace(entry, extra=frozenset(able)) if able else entry


def _configured(text: str) -> Checkpoint:
    key, _, source = text.strip().rpartition("=")
    if not HUB_ID.match(source) or Path(source).expanduser().is_dir():
        name = Path(source).name
        return Checkpoint(
            key=key or _slug(name), name=name, source=source, is_folder=True, rank=CONFIGURED_FIRST
        )
    repo, _, revision = source.partition("@")
    known = next((entry for entry in BUILTIN if entry.source == repo), None)
    if known is not None:
        rank = known.rank + CONFIGURED_FIRST
        return dataclasses.replace(known, key=key or known.key, revision=revision or None, rank=rank)
    name = repo.rsplit("/", maxsplit=1)[1]
    return Checkpoint(
        key=key or _slug(name), name=name, source=repo, revision=revision or None, rank=CONFIGURED_FIRST
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-") or "checkpoint"


def _starter(folder: Path) -> Checkpoint:
    return Checkpoint(
        key=STARTER_KEY,
        name="Starter (random weights: its pictures are noise)",
        source=str(folder),
        is_folder=True,
        family="sd",
        native=Size(width=128, height=128),
        max_side=256,
        steps=20,
        guidance=5.0,
        licence="Apache-2.0",
        rank=-1,
        noise=True,
        note="Random weights: its pictures are noise. Configure LOCAL_CHECKPOINTS or pull a checkpoint.",
    )


def _absent(entry: Checkpoint) -> str:
    if entry.is_folder:
        return f"The folder {entry.source} holds no {INDEX}; it must be a checkpoint in diffusers format."
    return absent(entry.key)


def absent(key: str) -> str:
    """Why something that could be downloaded cannot be used."""
    return f"Not downloaded; run `python -m app models pull {key}`."


def _unusable(folder: Path) -> str | None:
    try:
        index = read_json(folder / INDEX)
    except ValueError as error:
        return f"Its {INDEX} cannot be read: {error}."
    pipeline = str(index.get("_class_name", ""))
    if pipeline not in BY_PIPELINE:
        known = ", ".join(sorted(BY_PIPELINE))
        return f"The engine does not run {pipeline or 'unnamed'} checkpoints; it runs {known}."
    missing = _missing_parts(folder)
    return f"Its folder lacks {', '.join(missing)}." if missing else None


def _traces(folder: Path | None) -> Traces:
    """By what it is told that files are no longer those that did not load."""
    if folder is None:
        return None
    files = (folder / INDEX, *folder.glob("*/*.json"), *folder.glob("*/*.safetensors"))
    return frozenset(trace for trace in map(_trace, files) if trace is not None)


def _trace(file: Path) -> tuple[str, int, int] | None:
    try:
        state = file.stat()
    except OSError:  # it goes just now
        return None
    return str(file), state.st_mtime_ns, state.st_size


def _missing_parts(folder: Path) -> list[str]:
    """Components that the index names and the folder lacks: no folder, or a network without safetensors."""
    try:
        index = read_json(folder / INDEX)
    except ValueError:
        return [INDEX]
    missing = []
    for part, value in index.items():
        if part == "safety_checker" or not isinstance(value, list) or value[0] is None:
            continue  # the engine leaves the safety checker out: moderation is the server's
        here = folder / part
        if not here.is_dir():
            missing.append(part)
        elif (here / "config.json").is_file() and not _has_weights(here):
            missing.append(f"{part}/*.safetensors")
    return missing


def _has_weights(folder: Path) -> bool:
    for index in folder.glob("*.safetensors.index*.json"):
        shards = set(read_json(index).get("weight_map", {}).values())
        if shards and all((folder / shard).is_file() for shard in shards):
            return True
    return any(folder.glob("*.safetensors")) and not any(folder.glob("*.safetensors.index*.json"))


def _read_card(entry: Checkpoint, folder: Path) -> Checkpoint:
    """What the folder's own files say about it; a `likeness.json` in it has the last word."""
    try:
        index = read_json(folder / INDEX)
        own = read_json(folder / CARD) if (folder / CARD).is_file() else {}
    except ValueError:
        return entry
    card = BY_PIPELINE.get(str(index.get("_class_name", "")))
    if card is None:
        return entry
    if not entry.family:
        entry = dataclasses.replace(
            entry,
            family=card.name,
            native=_native(folder, card),
            max_side=max(card.max_side, 2 * max(dataclasses.astuple(_native(folder, card)))),
            steps=card.default_steps,
            guidance=card.default_guidance,
            rank=entry.rank + card.rank,
        )
    return _own_words(entry, own)


def _own_words(entry: Checkpoint, own: Json) -> Checkpoint:
    words: dict[str, Any] = {
        field: own[field]
        for field in ("name", "note", "licence", "steps", "guidance", "noise")
        if field in own
    }
    if "native_side" in own:
        side = int(own["native_side"])
        words |= {"native": Size(width=side, height=side), "max_side": int(own.get("max_side", 2 * side))}
    return dataclasses.replace(entry, **words)


def _native(folder: Path, card: FamilyCard) -> Size:
    """As its denoiser tells in latents; else, as most transformers are of no size, the side its VAE was made for."""
    side = card.native_side
    try:
        sample = read_json(folder / card.denoiser / "config.json").get("sample_size")
        vae = read_json(folder / "vae" / "config.json")
    except (OSError, ValueError):
        return Size(width=side, height=side)
    blocks = vae.get("block_out_channels") or vae.get("decoder_block_out_channels") or [0] * 4
    told = vae.get("sample_size")
    if isinstance(sample, int):
        side = sample * 2 ** (len(blocks) - 1)
    elif isinstance(told, int) and told >= LEAST_SIDE:  # less is the class's own default, which says nothing
        side = told
    return Size(width=side, height=side)


def read_json(path: Path) -> Json:
    read = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(read, dict):
        raise ValueError(f"{path.name} holds no object")  # noqa: TRY004 - a wrong file, not a wrong call
    return read
