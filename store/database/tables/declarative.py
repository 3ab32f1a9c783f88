"""The declarative root and the few column kinds that all tables share."""

import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Enum, FetchedValue, MetaData, Numeric, String, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from store.database.ids import new_id

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Key = Annotated[uuid.UUID, mapped_column(Uuid, primary_key=True, default=new_id)]
# FetchedValue: the database may say what it is (`row.approved_at = func.clock()`), so it is returned with the write.
Instant = Annotated[
    datetime.datetime,
    mapped_column(DateTime(timezone=True), server_default=FetchedValue(), server_onupdate=FetchedValue()),
]
Created = Annotated[
    datetime.datetime,
    mapped_column(
        DateTime(timezone=True), server_default=func.clock(), server_onupdate=FetchedValue(), nullable=False
    ),
]
Money = Annotated[decimal.Decimal, mapped_column(Numeric(12, 6))]
Big = Annotated[int, mapped_column(BigInteger)]
Sha256 = Annotated[str, mapped_column(String(64))]


def choice(kind: type[enum.Enum]) -> Enum:
    """A closed set of words, kept as text with a CHECK so that a migration can widen it."""
    return Enum(
        kind,
        native_enum=False,
        length=24,
        create_constraint=True,
        validate_strings=True,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class Table(DeclarativeBase):
    """Root of all tables. Relations are never loaded behind one's back (`lazy="raise"`)."""

    metadata = MetaData(naming_convention=NAMES)
    __mapper_args__ = {"eager_defaults": True}  # an UPDATE with clock() returns the new value; no second read
    type_annotation_map = {dict[str, Any]: JSONB, list[Any]: JSONB}
