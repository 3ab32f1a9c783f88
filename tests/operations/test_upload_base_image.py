"""mutation uploadBaseImage"""

import io
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from sqlalchemy import func, select

from store.database.tables import File, Role, Variant
from tests.client import Api, key, refused
from tests.operations import steps

pytestmark = pytest.mark.asyncio

UPLOAD = """
mutation ($input: UploadBaseImageInput!) {
  uploadBaseImage(input: $input) {
    subject { id baseImageStatus baseImage { id } }
    variant { id versionNumber status source purpose width height seed model { key } modelKey fileName job { id }
              url thumbnailUrl downloadUrl localPath placeholder imageHash perceptualHash
              provenance { madeByAi digitalSourceType software } }
    userErrors { code message field }
  }
}
"""
TOO_LARGE = "File too large. Maximum size is 10MB"
WRONG_TYPE = "Invalid file type. Allowed: image/png, image/jpeg, image/webp"


def picture(kind: str = "PNG", colour: str = "teal", size: tuple[int, int] = (40, 30)) -> bytes:
    """A small picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


async def nothing_stored(api: Api, folder: Path) -> bool:
    async with api.shop.db.session() as session:
        rows = [await session.scalar(select(func.count()).select_from(each)) for each in (File, Variant)]
    return (
        rows == [0, 0] and list(api.shop.vault.stored()) == [] and list((folder / "incoming").iterdir()) == []
    )


async def test_upload_becomes_the_newest_draft(api: Api, tmp_path: Path) -> None:
    mira = await steps.persona(api)
    with api.statements() as statements:
        payload = await api.send(UPLOAD, ("../../me.png", picture()), subjectId=mira)
    assert payload["userErrors"] == []
    variant = payload["variant"]
    assert payload["subject"] == {"id": mira, "baseImageStatus": "DRAFT", "baseImage": {"id": variant["id"]}}
    async with api.shop.db.session() as session:
        file = (await session.scalars(select(File))).one()
    path = api.shop.vault.path(file.sha256)
    assert path.is_relative_to(tmp_path)
    assert Image.open(path).getpixel((0, 0)) == (0, 128, 128)
    signed = [variant.pop(name) for name in ("url", "thumbnailUrl", "downloadUrl")]
    assert [address.partition("?")[0] for address in signed] == [
        f"/files/{file.id}/original",
        f"/files/{file.id}/256",
        f"/files/{file.id}/original",
    ]
    del variant["id"]
    assert variant == {
        "versionNumber": 1,
        "status": "DRAFT",
        "source": "UPLOAD",
        "purpose": "BASE_IMAGE",
        "width": 40,
        "height": 30,
        "seed": None,
        "model": None,
        "modelKey": None,
        "fileName": f"persona_{key(mira)}_uploaded_v1.png",
        "job": None,
        "localPath": str(path),
        "placeholder": file.placeholder,
        "imageHash": file.sha256,
        "perceptualHash": file.perceptual_hash,
        "provenance": {"madeByAi": False, "digitalSourceType": None, "software": None},
    }
    assert len(statements) == 11


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
async def test_type_is_told_by_content_and_not_by_name(api: Api, kind: str, ending: str) -> None:
    mira = await steps.persona(api)
    payload = await api.send(UPLOAD, ("notes.txt", picture(kind)), subjectId=mira)
    assert payload["userErrors"] == []
    assert payload["variant"]["fileName"].endswith(f"_uploaded_v1.{ending}")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"0" * (10 * 1024 * 1024), "FILE_TOO_LARGE", TOO_LARGE),
        (b"GIF89a" + b"0" * 100, "INVALID_FILE_TYPE", WRONG_TYPE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "INVALID_FILE_TYPE", WRONG_TYPE),
        (b"", "INVALID_FILE", "The file is empty. Choose a PNG, JPEG or WEBP picture and upload it again."),
        (
            picture(size=(400, 300))[:-40],
            "INVALID_FILE",
            "The picture is incomplete: its end is missing. Upload the whole file again.",
        ),
    ],
    ids=["large", "gif", "svg", "empty", "truncated"],
)
async def test_unusable_file_is_refused_and_nothing_is_stored(
    api: Api, tmp_path: Path, data: bytes, code: str, words: str
) -> None:
    mira = await steps.persona(api)
    payload = await api.send(UPLOAD, ("me.png", data), subjectId=mira)
    assert (payload["subject"], payload["variant"]) == (None, None)
    assert refused(payload) == (code, words, ["file"])
    assert await nothing_stored(api, tmp_path)
    assert (await steps.state(api, mira))["baseImageStatus"] == "PENDING_UPLOAD"


async def test_upload_id_stands_for_a_file(api: Api) -> None:
    mira = await steps.persona(api)
    upload_id = await api.upload("me.png", picture())
    payload = await api.do(UPLOAD, subjectId=mira, uploadId=upload_id)
    assert payload["userErrors"] == []
    assert payload["subject"]["baseImageStatus"] == "DRAFT"
    assert payload["variant"]["width"] == 40


async def test_foreign_upload_id_is_not_found(api: Api) -> None:
    bob = await api.another("bob")
    mira = await steps.persona(bob)
    upload_id = await api.upload("me.png", picture())
    payload = await bob.do(UPLOAD, subjectId=mira, uploadId=upload_id)
    assert refused(payload) == ("NOT_FOUND", "There is no upload with this id.", ["uploadId"])


async def test_neither_and_both_files_are_refused(api: Api, tmp_path: Path) -> None:
    mira = await steps.persona(api)
    assert refused(await api.do(UPLOAD, subjectId=mira))[::2] == ("INVALID_INPUT", ["file"])
    both = await api.send(UPLOAD, ("me.png", picture()), subjectId=mira, uploadId="x")
    assert refused(both)[::2] == ("INVALID_ID", ["uploadId"])
    assert await nothing_stored(api, tmp_path)


async def test_versions_go_on_after_generated_ones(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira, count=2)
    payload = await api.send(UPLOAD, ("me.png", picture()), subjectId=mira)
    assert payload["variant"]["versionNumber"] == 3
    assert payload["subject"]["baseImage"]["id"] == payload["variant"]["id"]


async def test_replacement_ends_a_rejection(api: Api) -> None:
    mira = await steps.persona(api)
    await api.send(UPLOAD, ("me.png", picture()), subjectId=mira)
    await api.do(steps.REJECT, subjectId=mira)
    payload = await api.send(UPLOAD, ("me.png", picture(colour="red")), subjectId=mira)
    assert payload["subject"]["baseImageStatus"] == "DRAFT"


async def test_equal_bytes_are_stored_once(api: Api) -> None:
    mira = await steps.persona(api)
    for _ in range(2):
        assert (await api.send(UPLOAD, ("me.png", picture()), subjectId=mira))["userErrors"] == []
    async with api.shop.db.session() as session:
        assert len((await session.scalars(select(File))).all()) == 1
        assert len((await session.scalars(select(Variant))).all()) == 2


async def test_locked_appearance_refuses_an_upload(api: Api) -> None:
    mira = await steps.persona(api)
    await api.send(UPLOAD, ("me.png", picture()), subjectId=mira)
    await api.do(steps.APPROVE, subjectId=mira)
    stored = list(api.shop.vault.stored())
    payload = await api.send(UPLOAD, ("me.png", picture(colour="red")), subjectId=mira)
    assert refused(payload)[::2] == ("APPEARANCE_LOCKED", ["subjectId"])
    assert list(api.shop.vault.stored()) == stored


async def test_same_key_and_file_upload_once(api: Api) -> None:
    mira = await steps.persona(api)
    first = await api.send(UPLOAD, ("me.png", picture()), subjectId=mira, idempotencyKey="once")
    again = await api.send(UPLOAD, ("me.png", picture()), subjectId=mira, idempotencyKey="once")
    assert again["variant"]["id"] == first["variant"]["id"]
    stored = list(api.shop.vault.stored())
    other = await api.send(UPLOAD, ("me.png", picture(colour="red")), subjectId=mira, idempotencyKey="once")
    assert refused(other)[0] == "IDEMPOTENCY_MISMATCH"
    assert list(api.shop.vault.stored()) == stored


async def test_replay_after_the_approval_still_answers(api: Api) -> None:
    mira = await steps.persona(api)
    first = await api.send(UPLOAD, ("me.png", picture()), subjectId=mira, idempotencyKey="once")
    await api.do(steps.APPROVE, subjectId=mira)
    again = await api.send(UPLOAD, ("me.png", picture()), subjectId=mira, idempotencyKey="once")
    assert again["userErrors"] == []
    assert again["variant"]["id"] == first["variant"]["id"]


async def test_text_in_place_of_a_file_is_refused(api: Api, tmp_path: Path) -> None:
    mira = await steps.persona(api)
    answer = await api.run(UPLOAD, input={"subjectId": mira, "file": "me.png"})
    assert "Upload must be a file" in answer.errors[0]["message"]
    assert answer.code == "BAD_USER_INPUT"
    assert await nothing_stored(api, tmp_path)


async def test_foreign_subject_is_not_found(api: Api, tmp_path: Path) -> None:
    mira = await steps.persona(api)
    bob = await api.another("bob")
    payload = await bob.send(UPLOAD, ("me.png", picture()), subjectId=mira)
    assert refused(payload)[::2] == ("NOT_FOUND", ["subjectId"])
    assert await nothing_stored(api, tmp_path)


async def test_local_path_is_hidden_from_others_than_operators(api: Api) -> None:
    bob = await api.another("bob")
    his = await steps.persona(bob)
    payload = await bob.send(UPLOAD, ("me.png", picture()), subjectId=his)
    assert payload["variant"]["localPath"] is None
    assert payload["variant"]["url"] is not None


async def test_form_without_a_preflight_header_is_refused(api: Api, tmp_path: Path) -> None:
    reply: httpx2.Response = await api.http.post(
        "/graphql", data={"operations": "{}", "map": "{}"}, files={"0": ("me.png", picture())}
    )
    assert reply.status_code == 403
    assert reply.json()["errors"][0]["extensions"]["code"] == "CSRF_PREVENTED"
    assert await nothing_stored(api, tmp_path)


async def test_viewer_may_not_upload(api: Api, tmp_path: Path) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    answer = await viewer.run(UPLOAD, input={"subjectId": "x", "uploadId": "y"})
    assert answer.code == "FORBIDDEN"
    assert await nothing_stored(api, tmp_path)
