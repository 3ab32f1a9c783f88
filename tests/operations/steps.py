"""What several operations' tests begin with: a persona, and drafts of its base image."""

from typing import Any

from sqlalchemy import select

from store.database.tables import AuditEntry, Limits
from tests.client import Api

CREATE = """
mutation ($input: CreatePersonaInput!) {
  createPersona(input: $input) { persona { id } userErrors { message } }
}
"""
GENERATE = """
mutation ($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) {
    job { id status variants { nodes { id versionNumber status seed } } }
    userErrors { code message field }
  }
}
"""
UPLOAD = """
mutation ($input: UploadBaseImageInput!) {
  uploadBaseImage(input: $input) { variant { id } userErrors { code message field } }
}
"""
APPROVE = """
mutation ($input: ApproveBaseImageInput!) {
  approveBaseImage(input: $input) {
    subject { id baseImageStatus appearanceLocked baseImage { id status approvedAt } }
    userErrors { code message field }
  }
}
"""
REJECT = """
mutation ($input: RejectBaseImageInput!) {
  rejectBaseImage(input: $input) {
    subject { baseImageStatus baseImage { id }
              baseImageHistory { nodes { id versionNumber status rejectionReason } } }
    userErrors { code message field }
  }
}
"""
UNLOCK = """
mutation ($input: UnlockAppearanceInput!) {
  unlockAppearance(input: $input) {
    subject { baseImageStatus appearanceLocked baseImage { id status approvedAt } }
    userErrors { code message field }
  }
}
"""
STATE = """
query ($id: ID!) {
  node(id: $id) {
    ... on Subject {
      baseImageStatus
      appearanceLocked
      baseImage { id versionNumber status }
      baseImageHistory { nodes { versionNumber status } }
    }
  }
}
"""
CREATE_CHARACTER = """
mutation ($input: CreateCharacterInput!) {
  createCharacter(input: $input) { character { id } userErrors { message } }
}
"""
CREATE_GAME = """
mutation ($input: CreateGameInput!) {
  createGame(input: $input) { game { id } userErrors { code message field } }
}
"""
CREATE_BEAT = """
mutation ($input: CreateBeatInput!) {
  createBeat(input: $input) { beat { id } userErrors { code message field } }
}
"""
QUICK = {"width": 64, "height": 64, "steps": 2}


async def persona(api: Api, name: str = "Mira", **given: Any) -> str:
    """The id of a new persona."""
    payload = await api.do(CREATE, **{"name": name, "appearance": "a baker", **given})
    return str(payload["persona"]["id"])


async def character(api: Api, name: str = "Ash", **given: Any) -> str:
    """The id of a new character."""
    payload = await api.do(CREATE_CHARACTER, **{"name": name, "appearance": "a ranger", **given})
    assert payload["userErrors"] == []
    return str(payload["character"]["id"])


async def game(api: Api, name: str = "Mistvale") -> str:
    """The id of a new game."""
    return str((await api.do(CREATE_GAME, name=name))["game"]["id"])


async def beat(api: Api, game_id: str, title: str = "At the gate", **given: Any) -> str:
    """The id of a new beat."""
    return str((await api.do(CREATE_BEAT, gameId=game_id, title=title, **given))["beat"]["id"])


async def generated(api: Api, subject_id: str, **given: Any) -> Any:
    """A job that waits in the queue."""
    payload = await api.do(GENERATE, **{"subjectId": subject_id, **QUICK, **given})
    assert payload["userErrors"] == []
    return payload["job"]


async def drafts(api: Api, subject_id: str, count: int = 1, **given: Any) -> list[str]:
    """The ids of that many finished candidates, by version number."""
    job = await generated(api, subject_id, count=count, **given)
    async with api.working():
        await api.ended(job["id"])
    return [variant["id"] for variant in job["variants"]["nodes"]]


async def state(api: Api, subject_id: str) -> Any:
    """Where the base image stands."""
    return (await api.run(STATE, id=subject_id)).data["node"]


async def actions(api: Api) -> list[str]:
    """What the audit log says was done, oldest first."""
    async with api.shop.db.session() as session:
        return list((await session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))).all())


async def limit(api: Api, **limits: Any) -> None:
    """What the caller may use up from now on."""
    async with api.shop.db.begin() as session:
        await session.merge(Limits(user_id=api.viewer.user_id, **limits))
