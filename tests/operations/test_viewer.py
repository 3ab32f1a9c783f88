"""query viewer"""

import pytest

from store.database.tables import Role
from tests.client import Api

pytestmark = pytest.mark.asyncio

VIEWER = "{ viewer { handle email role } }"


async def test_local_owner_needs_no_key(api: Api) -> None:
    with api.statements() as statements:
        answer = await api.run(VIEWER)
    assert answer.data == {"viewer": {"handle": "owner", "email": None, "role": "OWNER"}}
    assert len(statements) == 1


async def test_key_names_its_user(api: Api) -> None:
    vera = await api.another("vera", role=Role.VIEWER)
    assert (await vera.run(VIEWER)).data == {"viewer": {"handle": "vera", "email": None, "role": "VIEWER"}}
