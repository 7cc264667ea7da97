from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.kept_output import HEAD_BYTES, TAIL_BYTES, KeptOutput


def kept(*chunks: bytes) -> str:
    output = KeptOutput()
    for chunk in chunks:
        output.feed(chunk)
    return output.text()


def test_short_output_is_kept_whole() -> None:
    assert kept(b"one\n", b"two\n") == "one\ntwo\n"


def test_output_at_the_cap_is_kept_whole() -> None:
    assert kept(b"x" * (HEAD_BYTES + TAIL_BYTES)) == "x" * (HEAD_BYTES + TAIL_BYTES)


def test_long_output_keeps_its_beginning_and_its_end_and_says_what_is_gone() -> None:
    text = kept(b"begin" + b"a" * HEAD_BYTES, b"b" * 1_000_000, b"c" * TAIL_BYTES + b"end")

    assert text.startswith("begina")
    assert text.endswith("cend")
    assert f"\n[… {1_000_000 + 8} bytes dropped …]\n" in text


def test_a_character_split_between_two_writes_is_one_character() -> None:
    assert kept("é".encode()[:1], "é".encode()[1:]) == "é"


def test_undecodable_bytes_are_replaced_and_still_within_the_cap() -> None:
    text = kept(b"\xff" * (HEAD_BYTES + TAIL_BYTES))

    assert set(text.partition("\n")[0]) == {"\ufffd"}
    assert len(text.encode()) <= HEAD_BYTES + TAIL_BYTES + 64


def test_control_characters_are_removed_but_newline_and_tab() -> None:
    assert kept(b"\x1b[32mok\x1b[0m\x00\x07\r\n\tdone") == "ok\n\tdone"


@given(st.lists(st.binary(max_size=40_000), max_size=8))
def test_kept_output_never_exceeds_the_cap_and_one_line(chunks: list[bytes]) -> None:
    assert len(kept(*chunks).encode()) <= HEAD_BYTES + TAIL_BYTES + 64
