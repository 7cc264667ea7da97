"""CODEOWNERS by the rules that GitHub documents, and where the package that matches goes its own way."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.codeowners import Rules, deciding, rules_in
from bot.adapters.codeowners_match import OwnerMatch
from bot.domain.repository import Owners

DOCUMENTED = """\
# A line that begins with a hash is a comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @logger
/apps/ @octocat
/apps/github
/apps/gitlab @doctocat
"""


def owners_of(text: str, *files: str) -> Owners:
    rules = rules_in(text)
    return rules.owners(deciding(rules.patterns, files), "CODEOWNERS")


def everybody(text: str, file: str) -> set[str]:
    found = owners_of(text, file)
    return {*found.logins, *found.teams, *found.emails}


def fits(pattern: str, file: str) -> bool:
    return everybody(f"{pattern} @x", file) == {"x"}


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(
    ("file", "owners"),
    [
        ("README.md", {"global-owner1", "global-owner2"}),
        ("deep/er/index.js", {"js-owner"}),
        ("main.go", {"docs@example.com"}),
        ("notes/a.txt", {"octo-org/octocats"}),
        ("build/log.c", {"global-owner1", "global-owner2"}),
        ("other/build/logs2/x.c", {"global-owner1", "global-owner2"}),
        ("docs/getting-started.md", {"doctocat"}),
        ("other/docs/a.md", {"global-owner1", "global-owner2"}),
        ("lib/apps/x.c", {"octocat"}),
        ("scripts/run.sh", {"doctocat", "octocat"}),
        ("build/logs/today", {"logger"}),
        ("deeply/nested/logs/x", {"logger"}),
        ("apps/main.c", {"octocat"}),
        ("apps/github/x.c", set()),
        ("apps/gitlab/x.c", {"doctocat"}),
    ],
)
def test_the_last_rule_that_fits_decides_alone(file: str, owners: set[str]) -> None:
    assert everybody(DOCUMENTED, file) == owners


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*", ["a", "a/b", ".github/x"], []),
        ("/*", ["a"], ["a/b"]),
        ("docs/*", ["docs/a", "docs/a b"], ["docs/a/b", "x/docs/a"]),
        ("/docs/", ["docs/a", "docs/a/b"], ["docs", "x/docs/a"]),
        ("docs/", ["docs/a", "x/docs/a/b"], ["docs", "x/docs"]),
        ("docs", ["docs", "docs/a", "x/docs", "x/docs/a"], ["docs.md", "xdocs"]),
        ("a/b", ["a/b", "a/b/c"], ["x/a/b", "a/bc"]),
        ("*.js", ["a.js", "x/a.js", "x/.js"], ["a.jsx", "a.js.map"]),
        ("f?o", ["foo", "x/f-o"], ["fo", "f/o"]),
        ("**/logs", ["logs", "a/logs", "a/b/logs/c"], ["logs2", "xlogs"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "x/a/b"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/c"], ["b", "x/a/b"]),
        ("**/a/**/b.py", ["a/b.py", "x/a/y/b.py"], ["a/b.pyc"]),
        ("/src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py", "src/a.pyc"]),
        ("a/*/c", ["a/b/c", "a/b/c/d"], ["a/c", "a/b/b/c"]),
        ("/", [], ["a", "a/b"]),
        ("**", ["a", "a/b"], []),
        (r"f\*o", ["f*o"], ["foo", "fxo"]),
        ("Docs/", ["Docs/a"], ["docs/a", "DOCS/a"]),
        ("a.b", ["a.b"], ["axb"]),
        ("a+(b|c)$", ["a+(b|c)$"], ["aab"]),
        ("/.github/", [".github/CODEOWNERS"], ["x/.github/y"]),
        ("äö/", ["äö/a"], ["ao/a"]),
    ],
)
def test_patterns_fit_as_github_says(pattern: str, inside: list[str], outside: list[str]) -> None:
    assert {file: fits(pattern, file) for file in inside} == dict.fromkeys(inside, True)
    assert {file: fits(pattern, file) for file in outside} == dict.fromkeys(outside, False)


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("file.txt", ["file.txt", "a b/file.txt"], ["not file.txt", "x/my file.txt"]),
        (r"my\ file.txt", ["my file.txt", "x/my file.txt"], ["file.txt", "my", "myfile.txt"]),
        (r"/a\ b/", ["a b/c"], ["x/a b/c", "a/b/c"]),
        ("docs/*", ["docs/two words", "docs/a\nb"], ["docs/two words/x"]),
        ("a/**", ["a/b\nc/d"], []),
        ("*.md", ["two words.md"], ["two words.mdx"]),
    ],
)
def test_spaces_and_line_breaks_in_names_are_ordinary_characters(
    pattern: str, inside: list[str], outside: list[str]
) -> None:
    """The package makes slashes of spaces: one rule would fit files it does not name, and miss those it does."""
    assert {file: fits(pattern, file) for file in inside} == dict.fromkeys(inside, True)
    assert {file: fits(pattern, file) for file in outside} == dict.fromkeys(outside, False)


@pytest.mark.parametrize(
    "line",
    [
        "!a @eve",
        "[ab] @eve",
        "a[0-9] @eve",
        r"\[a\] @eve",
        r"\#a @eve",
        "[Section] @eve",
        "^[Optional] @eve",
        "***/a @eve",
        "a# @eve",
        "* eve",
        "* @eve and @ada",
        "* @eve,",
        "* @",
        "* @-eve",
        "* @eve/",
        "* @acme/team/sub",
        "* eve@",
        "* @eve docs@",
        "* @eve#comment",
        "a\u00a0b @eve",
        "* @eve\u00a0",
        "a\u2028* @eve",
        "a\x01b @eve",
        "a\x00b @eve",
        "a\\",
        "*\\\\ @eve",
    ],
)
def test_a_line_that_is_no_rule_is_skipped_and_counted(line: str) -> None:
    text = f"* @ada\n{line}\n"

    assert everybody(text, "a") == everybody(text, "a1") == {"ada"}
    assert owners_of(text, "a").skipped == 1
    assert rules_in(text).skipped == (2,)


def test_a_gitlab_section_does_not_swallow_the_lines_after_it() -> None:
    assert everybody("* @ada\n[Docs]\ndocs/ @bo", "docs/x") == {"bo"}


@pytest.mark.parametrize("line", ["/free/", "/free/  # nobody in particular", "/free/\t#@ada"])
def test_a_rule_without_owners_takes_them_away(line: str) -> None:
    found = owners_of(f"* @ada\n{line}", "free/a", "free/b", "c")

    assert (found.logins, found.unowned) == ({"ada"}, 2)


def test_what_no_rule_fits_has_no_owner() -> None:
    assert owners_of("docs/ @ada", "src/a", "docs/b").unowned == 1
    assert owners_of("", "a", "b").unowned == 2


def test_owners_of_several_files_are_gathered_by_kind_and_in_lower_case() -> None:
    found = owners_of(
        "a @Ada @acme/Pay-Team\nb Docs@Example.COM @ada\nc @ada_acme @acme/ui.v2_x", "a", "b", "c"
    )

    assert found.logins == {"ada", "ada_acme"}
    assert found.teams == {"acme/pay-team", "acme/ui.v2_x"}
    assert found.emails == {"docs@example.com"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_anywhere_and_begin_where_they_like(end: str) -> None:
    text = end.join(["\ufeff* @ada", "", "  \t", "   # comment", "\tdocs/\t@bo\t@cy  ", ""])

    assert everybody(text, "docs/a") == {"bo", "cy"}
    assert everybody(text, "a") == {"ada"}
    assert rules_in(text).skipped == ()


NAMES = st.text(alphabet="ab .*", min_size=1, max_size=5).filter(lambda name: name.strip())
FILES = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(file=FILES, star=st.sampled_from(["a*", "*b", "*a*", "a?b", "*.b"]), folder=st.sampled_from(["", "a"]))
def test_a_star_stays_within_one_name(file: str, star: str, folder: str) -> None:
    pattern = f"/{folder}/{star}" if folder else f"/{star}"
    names = file.split("/")
    depth = 1 if folder else 0
    expected = (not folder or names[0] == folder) and len(names) > depth and fnmatchcase(names[depth], star)

    assert fits(pattern, file) == expected


@given(st.lists(st.tuples(st.sampled_from(["*", "/a/", "a/b", "*.c", "docs/*", "/x"]), st.sampled_from(["@p", "@q", ""])), max_size=6), st.lists(FILES, max_size=4))  # fmt: skip
def test_one_look_at_many_files_finds_what_looking_at_each_finds(
    lines: list[tuple[str, str]], files: list[str]
) -> None:
    text = "\n".join(" ".join(line) for line in lines)
    together, each = owners_of(text, *files), [owners_of(text, file) for file in files]

    assert together.logins == frozenset().union(*(one.logins for one in each))
    assert together.unowned == sum(one.unowned for one in each)


@given(st.text(max_size=200), FILES)
def test_no_text_breaks_the_reading(text: str, file: str) -> None:
    found = owners_of(text, file)

    assert 0 <= found.unowned <= 1
    assert not any(name != name.lower() for name in (*found.logins, *found.teams, *found.emails))


async def test_the_process_of_its_own_decides_as_we_do() -> None:
    rules: Rules = rules_in(DOCUMENTED + "my\\ file @ada\n")
    files = ["README", "apps/github/x", "my file", "ä/logs", "lone \udc80 surrogate", "a\nb.js"]

    assert await OwnerMatch().deciding(rules.patterns, files) == deciding(rules.patterns, files)


@pytest.mark.parametrize(("patterns", "files"), [([], ["a", "b"]), (["*"], [])])
async def test_nothing_to_match_starts_no_process(
    patterns: list[str], files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.child.sys.executable", "/nonexistent/python")

    assert await OwnerMatch().deciding(patterns, files) == [None] * len(files)
