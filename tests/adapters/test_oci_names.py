import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.oci_names import Image, MalformedImage, image_named, is_loopback


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("registry.acme.example/checkout", "registry.acme.example", "checkout"),
        ("registry.acme.example:5000/team/checkout", "registry.acme.example:5000", "team/checkout"),
        ("REGISTRY.acme.example/checkout", "registry.acme.example", "checkout"),
        ("localhost/checkout", "localhost", "checkout"),
        ("localhost:5000/a/b/c", "localhost:5000", "a/b/c"),
        ("[::1]:5000/checkout", "[::1]:5000", "checkout"),
        ("nginx", "registry-1.docker.io", "library/nginx"),
        ("acme/checkout", "registry-1.docker.io", "acme/checkout"),
        ("docker.io/nginx", "registry-1.docker.io", "library/nginx"),
        ("index.docker.io/acme/checkout", "registry-1.docker.io", "acme/checkout"),
        ("ghcr.io/acme/check__out-x.y", "ghcr.io", "acme/check__out-x.y"),
    ],
)
def test_an_image_name_says_its_registry_and_its_path(text: str, host: str, path: str) -> None:
    assert image_named(text) == Image(host, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "host.example/",
        "host.example:99999/x",
        "host.example:/x",
        "host.example/UPPER",
        "host.example/a:tag",
        "host.example/a@sha256:" + "0" * 64,
        "host.example/a//b",
        "host.example/../b",
        "host.example/a?x=1",
        "user:password@host.example/a",
        "https://host.example/a",
        "host.example/" + "a" * 256,
        "host.example/a b",
        "host.example/a\n",
        "ho st.example/a",
        ".example/a",
    ],
)
def test_what_is_no_image_name_is_refused(text: str) -> None:
    with pytest.raises(MalformedImage):
        image_named(text)


@given(st.text(max_size=60))
def test_no_text_raises_anything_else_or_names_another_path(text: str) -> None:
    try:
        image = image_named(text)
    except MalformedImage:
        return
    assert ".." not in image.path
    assert "@" not in image.host


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True),
     ("10.0.0.1", False), ("localhost.acme.example", False), ("127.0.0.1.acme.example", False)],
)  # fmt: skip
def test_loopback_is_this_machine_and_nothing_else(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
