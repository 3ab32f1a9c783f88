"""mutation deleteSubject"""

import pytest
from sqlalchemy import func, select

from store.database.tables import File, Job, JobStatus, Persona, Role, Subject, Task, Variant
from tests.client import Api, key, refused
from tests.operations import steps
from tests.operations.test_upload_base_image import picture

pytestmark = pytest.mark.asyncio

DELETE = """
mutation ($input: DeleteSubjectInput!) {
  deleteSubject(input: $input) { subject { id name } userErrors { code message field } }
}
"""


async def count(api: Api, table: type[Subject | Job | Variant | Task | File]) -> int:
    async with api.shop.db.session() as session:
        return (await session.scalar(select(func.count()).select_from(table))) or 0


async def test_subject_goes_with_pictures_jobs_and_bytes(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    await steps.drafts(api, mira, count=2)
    await steps.drafts(api, tom)
    async with api.shop.db.session() as session:
        own = (
            await session.scalars(
                select(File).join(Variant, Variant.file_id == File.id).where(Variant.subject_id == key(mira))
            )
        ).all()
    assert all(api.shop.vault.exists(file.sha256) for file in own)
    with api.statements() as statements:
        payload = await api.do(DELETE, subjectId=mira)
    assert payload == {"subject": {"id": mira, "name": "Mira"}, "userErrors": []}
    assert await steps.state(api, mira) is None
    assert [await count(api, table) for table in (Persona, Job, Variant, Task, File)] == [1, 1, 1, 1, 1]
    assert not any(
        api.shop.vault.exists(name)
        for file in own
        for name in (file.sha256, file.thumbnail_256, file.thumbnail_512)
    )
    assert (await steps.actions(api))[-1] == "subject.deleted"
    assert len(statements) == 19


async def test_running_jobs_are_cancelled(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira, steps=1000)
    deleted = False
    async with api.working():
        async for state in api.shop.progress.watch(key(job["id"])):
            if state.job.status is JobStatus.RUNNING and not deleted:
                assert (await api.do(DELETE, subjectId=mira))["userErrors"] == []
                deleted = True
    assert deleted
    assert [await count(api, table) for table in (Persona, Job, Task, Variant, File)] == [0, 0, 0, 0, 0]


async def test_bytes_that_another_subject_shows_stay(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    for each in (mira, tom):
        assert (await api.send(steps.UPLOAD, ("a.png", picture()), subjectId=each))["userErrors"] == []
    async with api.shop.db.session() as session:
        file = (await session.scalars(select(File))).one()
    await api.do(DELETE, subjectId=mira)
    assert api.shop.vault.exists(file.sha256)
    await api.do(DELETE, subjectId=tom)
    assert not api.shop.vault.exists(file.sha256)


async def test_bytes_of_another_owner_stay(api: Api) -> None:
    bob = await api.another("bob")
    mira, his = await steps.persona(api), await steps.persona(bob)
    await api.send(steps.UPLOAD, ("a.png", picture()), subjectId=mira)
    await bob.send(steps.UPLOAD, ("a.png", picture()), subjectId=his)
    async with api.shop.db.session() as session:
        files = (await session.scalars(select(File))).all()
    assert len({file.sha256 for file in files}) == 1
    assert len(files) == 2
    await api.do(DELETE, subjectId=mira)
    assert api.shop.vault.exists(files[0].sha256)


async def test_foreign_subject_is_not_found_and_stays(api: Api) -> None:
    mira = await steps.persona(api)
    bob = await api.another("bob")
    assert refused(await bob.do(DELETE, subjectId=mira)) == (
        "NOT_FOUND",
        "There is no subject with this id.",
        ["subjectId"],
    )
    assert refused(await api.do(DELETE, subjectId="nonsense"))[0] == "INVALID_ID"
    assert await count(api, Persona) == 1
    assert await steps.actions(api) == []


async def test_viewer_may_not_delete(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    assert (await viewer.run(DELETE, input={"subjectId": "x"})).code == "FORBIDDEN"
