"""query personas"""

from typing import Any

import pytest

from tests.client import Api
from tests.operations import steps
from tests.operations.test_upload_base_image import UPLOAD, picture

pytestmark = pytest.mark.asyncio

PERSONAS = """
query ($first: Int, $after: String, $last: Int, $before: String, $filter: PersonaFilter, $orderBy: SubjectOrder) {
  personas(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
    edges { cursor node { name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount
  }
}
"""
NAMES = "query ($filter: PersonaFilter, $orderBy: SubjectOrder) { personas(filter: $filter, orderBy: $orderBy) { nodes { name } } }"


async def named(api: Api, *names: str) -> list[str]:
    return [await steps.persona(api, name) for name in names]


async def names(api: Api, **variables: Any) -> list[str]:
    found = (await api.run(NAMES, **variables)).data["personas"]["nodes"]
    return [node["name"] for node in found]


def page(data: Any) -> tuple[list[str], bool, bool]:
    found = data["personas"]
    info = found["pageInfo"]
    cursors = [edge["cursor"] for edge in found["edges"]]
    assert (info["startCursor"], info["endCursor"]) == (
        (cursors[0], cursors[-1]) if cursors else (None, None)
    )
    return (
        [edge["node"]["name"] for edge in found["edges"]],
        info["hasPreviousPage"],
        info["hasNextPage"],
    )


async def test_newest_come_first_and_only_ones_own(api: Api) -> None:
    await named(api, "a", "b", "c")
    bob = await api.another("bob")
    await named(bob, "his")
    assert await names(api) == ["c", "b", "a"]
    assert await names(bob) == ["his"]


async def test_order_by_name_and_time_runs_both_ways(api: Api) -> None:
    await named(api, "b", "c", "a")
    orders = [
        ({"field": "NAME"}, ["c", "b", "a"]),
        ({"field": "NAME", "direction": "ASC"}, ["a", "b", "c"]),
        ({"direction": "ASC"}, ["b", "c", "a"]),
        ({"field": "CREATED_AT", "direction": "DESC"}, ["a", "c", "b"]),
        ({}, ["a", "c", "b"]),
    ]
    for order, expected in orders:
        assert await names(api, orderBy=order) == expected


async def test_pages_go_forwards_and_backwards_to_the_ends(api: Api) -> None:
    await named(api, "a", "b", "c", "d", "e")
    order = {"field": "NAME", "direction": "ASC"}
    first = (await api.run(PERSONAS, first=2, orderBy=order)).data
    assert page(first) == (["a", "b"], False, True)
    assert first["personas"]["totalCount"] == 5
    after = first["personas"]["pageInfo"]["endCursor"]
    second = (await api.run(PERSONAS, first=2, after=after, orderBy=order)).data
    assert page(second) == (["c", "d"], True, True)
    after = second["personas"]["pageInfo"]["endCursor"]
    third = (await api.run(PERSONAS, first=2, after=after, orderBy=order)).data
    assert page(third) == (["e"], True, False)
    last = (await api.run(PERSONAS, last=2, orderBy=order)).data
    assert page(last) == (["d", "e"], True, False)
    before = last["personas"]["pageInfo"]["startCursor"]
    middle = (await api.run(PERSONAS, last=2, before=before, orderBy=order)).data
    assert page(middle) == (["b", "c"], True, True)
    before = middle["personas"]["pageInfo"]["startCursor"]
    start = (await api.run(PERSONAS, last=2, before=before, orderBy=order)).data
    assert page(start) == (["a"], False, True)


async def test_pages_stay_right_while_the_list_grows(api: Api) -> None:
    await named(api, "a", "b", "c")
    first = (await api.run(PERSONAS, first=1)).data["personas"]
    await named(api, "d")
    after = first["pageInfo"]["endCursor"]
    assert page((await api.run(PERSONAS, first=5, after=after)).data) == (["b", "a"], True, False)


async def test_cursor_of_a_deleted_persona_still_marks_its_place(api: Api) -> None:
    await named(api, "a")
    [middle] = await named(api, "b")
    await named(api, "c")
    both = (await api.run(PERSONAS, first=2)).data["personas"]
    delete = "mutation ($input: DeleteSubjectInput!) { deleteSubject(input: $input) { userErrors { code } } }"
    await api.do(delete, subjectId=middle)
    after = both["pageInfo"]["endCursor"]
    assert page((await api.run(PERSONAS, first=2, after=after)).data) == (["a"], True, False)


async def test_equal_names_are_told_apart_by_id(api: Api) -> None:
    await named(api, *["same"] * 5)
    order = {"field": "NAME"}
    seen: list[str] = []
    after = None
    while True:
        found = (await api.run(PERSONAS, first=2, after=after, orderBy=order)).data["personas"]
        seen += [edge["cursor"] for edge in found["edges"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert len(set(seen)) == 5


async def test_empty_list_has_no_cursors(api: Api) -> None:
    data = (await api.run(PERSONAS)).data
    assert page(data) == ([], False, False)
    assert data["personas"]["totalCount"] == 0


async def test_page_of_nothing_still_knows_its_place(api: Api) -> None:
    await named(api, "a", "b")
    assert page((await api.run(PERSONAS, first=0)).data) == ([], False, True)
    end = (await api.run(PERSONAS)).data["personas"]["pageInfo"]["endCursor"]
    assert page((await api.run(PERSONAS, first=2, after=end)).data) == ([], True, False)


async def test_filter_by_status_and_name(api: Api) -> None:
    anna, _, _ = await named(api, "Anna", "Hanna 100%", "Bert")
    await api.send(UPLOAD, ("me.png", picture()), subjectId=anna)
    assert await names(api, filter={"nameContains": "ANN"}) == ["Hanna 100%", "Anna"]
    assert await names(api, filter={"nameContains": "%"}) == ["Hanna 100%"]
    assert await names(api, filter={"nameContains": "_"}) == []
    assert await names(api, filter={"status": ["DRAFT"]}) == ["Anna"]
    assert await names(api, filter={"status": ["PENDING_UPLOAD"], "nameContains": "a"}) == ["Hanna 100%"]
    assert await names(api, filter={"status": []}) == []
    assert await names(api, filter={}) == ["Bert", "Hanna 100%", "Anna"]


async def test_total_count_counts_what_the_filter_lets_through(api: Api) -> None:
    await named(api, "a", "ab", "c")
    with api.statements() as statements:
        answer = await api.run('{ personas(first: 1, filter: {nameContains: "a"}) { totalCount } }')
    assert answer.data == {"personas": {"totalCount": 2}}
    assert len(statements) == 1
    assert "count(*)" in statements[0]


async def test_only_what_is_selected_costs_a_statement(api: Api) -> None:
    ids = await named(api, "a", "b", "c")
    for each in ids:
        await api.send(UPLOAD, ("me.png", picture()), subjectId=each)
    with api.statements() as statements:
        await api.run(
            "{ personas { nodes { name } edges { cursor } pageInfo { hasNextPage hasPreviousPage } } }"
        )
    assert len(statements) == 1
    nested = """{ personas { nodes { owner { handle } baseImage { url thumbnailUrl placeholder owner { role } } } } }"""
    with api.statements() as statements:
        await api.run(nested)
    assert len(statements) == 4  # personas, owners, pictures, files: however many personas there are


async def test_page_that_is_too_large_is_refused(api: Api) -> None:
    assert (await api.run(PERSONAS, first=100)).status == 200
    for given, words in [
        ({"first": 101}, "`first` must be between 0 and 100; got 101."),
        ({"last": -1}, "`last` must be between 0 and 100; got -1."),
        ({"first": 1, "last": 1}, "Give `first` or `last`, not both."),
    ]:
        answer = await api.run(PERSONAS, **given)
        assert answer.code == "BAD_USER_INPUT"
        assert answer.errors[0]["message"] == words


async def test_cursor_of_another_order_or_none_at_all_is_refused(api: Api) -> None:
    await named(api, "a", "b")
    end = (await api.run(PERSONAS)).data["personas"]["pageInfo"]["endCursor"]
    for cursor, order in [
        (end, {"field": "NAME"}),
        (end, {"direction": "ASC"}),
        ("x", {}),
        ("", {}),
        ("e30=", {}),
        ("W10=", {}),
    ]:
        answer = await api.run(PERSONAS, after=cursor, orderBy=order)
        assert answer.code == "BAD_USER_INPUT"
        assert answer.errors[0]["message"] == "This cursor does not belong to this list and order."


async def test_filter_text_that_no_row_can_have_is_refused(api: Api) -> None:
    assert (await api.run(NAMES, filter={"nameContains": "\0"})).code == "INVALID_INPUT"
    assert (await api.run(NAMES, filter={"nameContains": "n" * 201})).code == "TOO_LONG"


async def test_history_and_pictures_of_a_persona_are_pages_too(api: Api) -> None:
    [mira] = await named(api, "Mira")
    for colour in ("red", "green", "blue"):
        payload = await api.send(UPLOAD, ("me.png", picture(colour=colour)), subjectId=mira)
        assert payload["userErrors"] == []
    document = """
    query ($id: ID!, $after: String) {
      node(id: $id) {
        ... on Persona {
          baseImageHistory(first: 2, after: $after) { totalCount nodes { versionNumber } pageInfo { endCursor hasNextPage } }
          variants(filter: {purpose: BASE_IMAGE}, last: 1) { totalCount nodes { versionNumber } }
        }
      }
    }
    """
    found = (await api.run(document, id=mira)).data["node"]
    assert [node["versionNumber"] for node in found["baseImageHistory"]["nodes"]] == [3, 2]
    assert found["variants"] == {"totalCount": 3, "nodes": [{"versionNumber": 1}]}
    after = found["baseImageHistory"]["pageInfo"]["endCursor"]
    rest = (await api.run(document, id=mira, after=after)).data["node"]["baseImageHistory"]
    assert rest["nodes"] == [{"versionNumber": 1}]
    assert (rest["totalCount"], rest["pageInfo"]["hasNextPage"]) == (3, False)
