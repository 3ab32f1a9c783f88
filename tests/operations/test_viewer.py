"""query viewer"""

import pytest

from resolvers.identity import Scope
from store.database.tables import Role
from tests.client import Api

pytestmark = pytest.mark.asyncio

VIEWER = "{ viewer { handle email role } }"


async def test_local_owner_needs_no_key(api: Api) -> None:
    with api.statements() as statements:
        answer = await api.run(VIEWER)
    assert answer.data == {"viewer": {"handle": "owner", "email": None, "role": "OWNER"}}
    assert len(statements) == 1


async def test_key_without_the_scope_read_sees_nothing(api: Api) -> None:
    writer = await api.another("walt", scopes=frozenset({Scope.WRITE}))
    for document in ("{ personas { nodes { id } } }", "{ jobs { totalCount } }"):
        assert (await writer.run(document)).code == "FORBIDDEN"
    assert (await writer.run(VIEWER)).data["viewer"]["handle"] == "walt"


async def test_key_names_its_user(api: Api) -> None:
    vera = await api.another("vera", role=Role.VIEWER)
    assert (await vera.run(VIEWER)).data == {"viewer": {"handle": "vera", "email": None, "role": "VIEWER"}}
