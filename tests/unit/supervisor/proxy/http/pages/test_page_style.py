import base64
import hashlib
import re

import pytest

from portweave.supervisor.proxy.http.pages.page import Command, Page, State
from portweave.supervisor.proxy.http.pages.page_html import as_html
from portweave.supervisor.proxy.http.pages.page_style import icon, policy

PAGE = Page(503, "x", state=State("failed", 1), commands=(Command("Ask", "portweave why web"),))


def hash_of(tag: str) -> str:
    found = re.search(f"<{tag}>(.*?)</{tag}>", as_html(PAGE), re.DOTALL)
    assert found
    return base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()


def test_the_policy_allows_the_own_style_and_script_alone() -> None:
    found = policy(has_script=True)
    assert found.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{hash_of('style')}'" in found
    assert f"script-src 'sha256-{hash_of('script')}'" in found
    assert "unsafe" not in found


def test_a_page_without_a_script_allows_none() -> None:
    assert "script-src" not in policy(has_script=False)


@pytest.mark.parametrize("tone", ["good", "busy", "warn", "bad", "idle", ""])
def test_the_icon_of_each_tone_stays_within_its_attribute(tone: str) -> None:
    assert not set('"<>') & set(icon(tone))


def test_the_icon_shows_trouble() -> None:
    assert icon("bad") in as_html(PAGE)
    assert icon("bad") != icon("good")
