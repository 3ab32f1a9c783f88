"""The only reader of the environment: composes what each floor declares into one checked whole.

A setting is declared once, on the floor that needs it, as a field with a meaning. Its name here is that
field's in upper case. Flags win over the environment, the environment over `.env`, `.env` over defaults.
"""

import dataclasses
import difflib
import pathlib
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import BeforeValidator, Field, TypeAdapter, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.graphql.settings import GraphQLSettings
from app.server_settings import ServerSettings
from executor.content.settings import ContentSettings
from executor.settings import ExecutorSettings
from generators.diffusion.encoders import LikenessSettings
from generators.diffusion.judging import JudgeSettings
from generators.diffusion.settings import DiffusionSettings
from generators.hosted.settings import HostedSettings
from generators.scripted import ScriptedSettings
from resolvers.account_settings import AccountSettings
from store.files.cloudinary import CloudinarySettings
from store.files.s3 import S3Settings
from store.publishing_settings import PublishingSettings
from store.settings import StoreSettings

SECTIONS: tuple[type[Any], ...] = (
    ServerSettings,
    StoreSettings,
    PublishingSettings,
    S3Settings,
    CloudinarySettings,
    ExecutorSettings,
    DiffusionSettings,
    HostedSettings,
    ScriptedSettings,
    GraphQLSettings,
    AccountSettings,
    ContentSettings,
    JudgeSettings,
    LikenessSettings,
)
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|_URL$")
NOT_SETTINGS = frozenset({"data_dir"})  # declared by the store; other floors receive it

T = TypeVar("T")


class SettingsError(Exception):
    """One sentence a setting that is wrong or unknown, each naming it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the settings table."""

    name: str
    default: Any
    meaning: str
    section: type[Any]
    kind: Any
    info: FieldInfo | None


class Settings:
    """Checked values; each floor is handed the section that it declared."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """`values` by field name, already checked."""
        self._values = dict(values)

    def section(self, kind: type[T]) -> T:
        """The values of one floor."""
        wanted = {name: self._values[name] for name in _field_names(kind) if name in self._values}
        return kind(**wanted)


def load(flags: Mapping[str, str] | None = None, env_file: pathlib.Path | None = None) -> Settings:
    """Read flags, environment and `.env`.

    Raises:
        SettingsError: naming each setting that is wrong or, in a flag or `.env`, unknown.
    """
    model: Callable[..., BaseSettings] = _composed(env_file or pathlib.Path(".env"))
    given = {name.lower(): value for name, value in (flags or {}).items()}
    try:
        values = model(**given)
    except pydantic.ValidationError as error:
        raise SettingsError("\n".join(_sentence(item) for item in error.errors())) from None
    settings = Settings({name: getattr(values, name) for name in type(values).model_fields})
    _check_sections(settings)
    return settings


def table() -> Iterator[Setting]:
    """All settings in the order of the floors, top first; a shared one appears once."""
    seen: set[str] = set()
    for section in SECTIONS:
        for setting in _declared(section):
            if setting.name not in seen:
                seen.add(setting.name)
                yield setting


def _composed(env_file: pathlib.Path) -> type[BaseSettings]:
    class Root(BaseSettings):
        model_config = SettingsConfigDict(
            env_file=env_file, env_file_encoding="utf-8", env_ignore_empty=True, extra="forbid"
        )

    fields: dict[str, Any] = {setting.name.lower(): _field(setting) for setting in table()}
    return create_model("Environment", __base__=Root, **fields)


def _field(setting: Setting) -> tuple[Any, Any]:
    kind = setting.kind
    if _is_tuple(kind):
        kind = Annotated[kind, NoDecode, BeforeValidator(_split)]
    if setting.info is not None:
        return kind, setting.info
    return kind, Field(setting.default, description=setting.meaning)


def _declared(section: type[Any]) -> Iterator[Setting]:
    hints = typing.get_type_hints(section, include_extras=True)
    if issubclass(section, pydantic.BaseModel):
        for name, info in section.model_fields.items():
            meaning = info.description or ""
            yield Setting(
                name=name.upper(),
                default=info.default,
                meaning=meaning,
                section=section,
                kind=hints[name],
                info=info,
            )
        return
    meanings = _attribute_meanings(section.__doc__ or "")
    for field in dataclasses.fields(section):
        if field.name not in NOT_SETTINGS:
            yield Setting(
                name=field.name.upper(),
                default=field.default,
                meaning=meanings[field.name],
                section=section,
                kind=hints[field.name],
                info=None,
            )


def _attribute_meanings(docstring: str) -> dict[str, str]:
    """The `Attributes:` part of a Google-style docstring, by name, each on one line."""
    _, _, attributes = docstring.partition("Attributes:")
    found = re.findall(r"^ {8}(\w+): (.*?)(?=^ {8}\w+: |\Z)", attributes, re.MULTILINE | re.DOTALL)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _field_names(section: type[Any]) -> Iterator[str]:
    if issubclass(section, pydantic.BaseModel):
        yield from section.model_fields
    else:
        yield from (field.name for field in dataclasses.fields(section))


def _check_sections(settings: Settings) -> None:
    for section in SECTIONS:
        try:
            TypeAdapter(section).validate_python(settings.section(section))
        except ValueError as error:
            raise SettingsError(str(error)) from None


def _is_tuple(kind: Any) -> bool:
    options = typing.get_args(kind) if typing.get_origin(kind) in {typing.Union, types.UnionType} else (kind,)
    return any(typing.get_origin(option) is tuple for option in options)


def _split(value: Any) -> Any:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _sentence(item: Any) -> str:
    name = str(item["loc"][0]).upper() if item["loc"] else "?"
    if item["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, [setting.name for setting in table()], n=1)
        hint = f" Did you mean {close[0]}?" if close else " docs/settings.md lists them all."
        return f"{name} is not a setting.{hint}"
    words = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "bool_parsing":
        words = "use one of true, false, yes, no, on, off, 1, 0"
    given = "" if SECRET.search(name) else f" (it was given as {item['input']!r})"
    return f"{name} is wrong: {words[:1].lower()}{words[1:]}{given}."
