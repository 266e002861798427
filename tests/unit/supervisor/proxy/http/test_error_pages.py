import pytest

from portweave.supervisor.proxy.http.error_pages import (
    Page,
    broken,
    loop,
    not_up,
    other_user,
    refused,
    render,
    unknown,
    wrong_port,
)

NAME = "web.shop.localhost"


@pytest.mark.parametrize(
    ("page", "status"),
    [
        (refused(400, "no host"), 400),
        (unknown(NAME, ["api.shop.localhost"], 1355, "http", may_know=True), 404),
        (not_up(NAME, 30000, "starting", "web"), 503),
        (wrong_port(NAME, 30000, [8000]), 502),
        (broken(NAME, 30000, "refused"), 502),
        (loop(NAME, 11), 508),
        (other_user(), 403),
    ],
    ids=["refused", "unknown", "not up", "wrong port", "broken", "loop", "other user"],
)
def test_each_failure_has_its_status(page: Page, status: int) -> None:
    assert page.status == status
    assert render(page, html=False).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_page_escapes_names_and_allows_no_script() -> None:
    data = render(Page(404, "<script>"), html=True)
    assert b"<script>" not in data
    assert b"&lt;script&gt;" in data
    assert b"default-src 'none'" in data


def test_the_head_states_the_length_of_the_body() -> None:
    head, _, body = render(Page(404, "none", ("line",)), html=False).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    whole = render(Page(404, "none", ("line",)), html=False, body_wanted=False)
    assert whole == head + b"\r\n\r\n"


def test_only_requests_for_local_names_see_the_routes() -> None:
    known = unknown(NAME, ["api.shop.localhost"], 1355, "http", may_know=True)
    hidden = unknown(NAME, ["api.shop.localhost"], 1355, "http", may_know=False)
    assert [text for text, _ in known.links] == ["api.shop.localhost"]
    assert hidden.links == ()


def test_the_page_of_a_service_that_is_down_reloads() -> None:
    assert not_up(NAME, 30000, "starting").title != not_up(NAME, 30000, "failed").title
    assert not_up(NAME, 30000, "failed").reload_s is not None
