"""Who may approve, in words: what a source of roles is called, why it did not answer, and who mends that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import UNSAID, Facts, listed, plural
from handlers.wording.gate_sentences import Found, Words
from handlers.wording.said import Said

AGAIN: Final = "press Approve again in a minute"
_POLICY: Final = "whoever keeps the policy has to name another"
_HOST: Final = "whoever runs the bot has to set that right"
_OWNERS: Final = "have its CODEOWNERS made simpler"
_SMALLER: Final = "deploy a version in between first"
_CI: Final = "have CI send details.commit with that build, then press Approve again"


YOU: Final = MappingProxyType({"they": "you", "their": "your", "them": "you"})
THEM: Final = MappingProxyType({"they": "they", "their": "their", "them": "them"})
"""Whether a sentence speaks to the person it is about, or of them to others."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a source did not answer: `what` ends a sentence that begins with its name, `cure` says who mends it."""

    what: str
    cure: str = AGAIN
    speaks: bool = False  # it did answer, and that answer is no name


_SILENCES: Final[Mapping[str, Silence]] = MappingProxyType(
    {
        # No answer: it passes by itself
        "timeout": Silence("timed out"),
        "rate-limited": Silence("it wants to be left alone for a while"),
        "unavailable": Silence("it is out of order"),
        "unreachable": Silence("it cannot be reached"),
        "no-route": Silence("it cannot be reached"),
        "refused": Silence("it takes no connection"),
        "disconnected": Silence("the connection broke"),
        "dns": Silence("its name is not known", _HOST),
        "dns-unavailable": Silence("names cannot be looked up"),
        "tls": Silence("the connection is not secure", _HOST),
        "malformed-response": Silence("its answer cannot be read"),
        "failed": Silence("asking failed"),
        "not-asked": Silence("it was not asked about {them}"),
        "provider-silent": Silence("it does not answer"),
        # Not connected, or not let in
        "not-connected": Silence("it is not connected", _HOST),
        "no-token": Silence("the bot has no token for it", _HOST),
        "insecure-address": Silence("its address is not secure", _HOST),
        "token-refused": Silence("it does not take the bot's token", _HOST),
        "forbidden": Silence("the bot's token may not ask that", _HOST),
        "scope-missing": Silence("the bot lacks the scope usergroups:read", _HOST),
        # It answered, and nobody is named
        "no-groups-on-this-plan": Silence(
            "this Slack workspace is on a plan without user groups", _POLICY, speaks=True
        ),
        "group-disabled": Silence(
            "the group is disabled", "enable it in Slack, or name another", speaks=True
        ),
        "group-unknown": Silence("there is no such group", _POLICY, speaks=True),
        "team-unknown": Silence("there is no such team, or it is hidden from the bot", _POLICY, speaks=True),
        "repository-unknown": Silence(
            "there is no such repository, or it is hidden from the bot", _HOST, speaks=True
        ),
        "no-repository": Silence("the policy names no repository for this service", _POLICY, speaks=True),
        "no-codeowners": Silence(
            "this commit has no CODEOWNERS file", "add one to the repository", speaks=True
        ),
        "commit-unknown": Silence("it does not know that commit", _CI, speaks=True),
        "commit-not-stated": Silence("nobody said which commit this build is of", _CI, speaks=True),
        "base-not-stated": Silence("nobody said which commit the running version is of", _CI, speaks=True),
        "unrelated-commits": Silence(
            "the commits have no history in common",
            "have CI build from the repository that runs there",
            speaks=True,
        ),
        # More than is read
        "too-many-members": Silence("the team is too large to be read", _POLICY, speaks=True),
        "too-many-owners": Silence("its CODEOWNERS names too many owners", _OWNERS, speaks=True),
        "too-many-commits": Silence("too much lies between the two versions", _SMALLER, speaks=True),
        "too-many-files": Silence("too many files lie between the two versions", _SMALLER, speaks=True),
        "codeowners-too-large": Silence("its CODEOWNERS is too large", _OWNERS, speaks=True),
        "codeowners-too-costly": Silence(
            "a pattern of its CODEOWNERS takes too long to match", _OWNERS, speaks=True
        ),
        # About one person
        "no-login": Silence("{they} never logged in there", "log in once, by /deploy enroll", speaks=True),
        "grant-revoked": Silence(
            "{their} login there is over", "log in again, by /deploy enroll", speaks=True
        ),
        "grant-broken": Silence(
            "{their} login there is over", "log in again, by /deploy enroll", speaks=True
        ),
        "login-changed-hands": Silence(
            "the account that the policy names for {them} is not the one that {they} linked",
            "an administrator has to look who is meant",
            speaks=True,
        ),
        "login-unknown": Silence(
            "the login that the policy names for {them} does not exist", "have the policy mended", speaks=True
        ),
        "not-a-person": Silence(
            "the login that the policy names for {them} is no person's", "have the policy mended", speaks=True
        ),
        "by-change": Silence(
            "that depends on what a change touches", "it is asked for each request", speaks=True
        ),
    }
)

_KINDS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        # who answers, what it is asked about, and what that is called beside a role
        "github_team": ("GitHub", "{}", "the GitHub team {}"),
        "codeowners": ("GitHub", "the code owners", "CODEOWNERS"),
        "repository": ("GitHub", "the commits of {}", "the commits of {}"),
        "slack_usergroup": ("Slack", "the user group {}", "the Slack user group {}"),
        "oidc_role": ("The identity provider", "{their} role {}", "the login role {}"),
        "on_call": ("The on-call system", "the rotation {}", "the on-call rotation {}"),
        "people": ("The policy", "it", "the policy's list"),
    }
)


def silence(code: str) -> Silence:
    """What a code means. One that nobody worded is shown as it is."""
    return _SILENCES.get(code) or Silence(code.replace("-", " "))


def source_name(source: str) -> str:
    """A source as it stands beside a role: `the GitHub team acme/production-approvers`."""
    kind, _, name = source.partition(" ")
    found = _KINDS.get(kind)
    return source if found is None else found[2].format(name)


def did_not_answer(source: str, code: str, person: Mapping[str, str] = YOU) -> str:
    """`GitHub did not answer about acme/production-approvers (timed out)`."""
    kind, _, name = source.partition(" ")
    who, about, _name = _KINDS.get(kind, ("A source", "{}", ""))
    found = silence(code)
    asked, what = told(about, person).replace("{}", name or source), told(found.what, person)
    if found.speaks:
        return f"{who} could not tell about {asked}: {what}"
    return f"{who} did not answer about {asked} ({what})"


def told(what: str, person: Mapping[str, str] = YOU) -> str:
    """Our own words, spoken to the person they are about or of them."""
    for word, meant in person.items():
        what = what.replace("{" + word + "}", meant)
    return what


def silent_ones(facts: Facts) -> list[tuple[str, str]]:
    """The sources that were silent, each with its code, of a refusal or an outcome."""
    return [(each.text("source"), each.text("code")) for each in facts.maps("silent")]


def _not_answered(said: Said) -> str:
    silent = silent_ones(said.facts)
    if not silent:
        return f"A source of roles did not answer, which counts as no. {_sentence([AGAIN])}"
    words = "; ".join(did_not_answer(source, code) for source, code in silent[:3])
    if len(silent) > 3:  # noqa: PLR2004 -- more would be no sentence any more
        words += f"; nor did {plural(len(silent) - 3, 'other source')}"
    excluded = listed(said.facts.texts("excluded"), last="or")
    kept_out = f"so nobody knows that you are not {excluded}, whom the policy keeps out"
    cures = list(dict.fromkeys(silence(code).cure for _, code in silent))
    return f"{words}, {kept_out if excluded else 'which counts as no'}. {_sentence(cures)}"


def _sentence(cures: list[str]) -> str:
    """What mends it, as a sentence."""
    words = "; ".join(cures[:3])
    return f"{words[:1].upper()}{words[1:]}."


def _no_seat(said: Said) -> str:
    roles, not_for = said.facts.texts("roles"), said.facts.texts("not_for")
    silent = listed([source_name(source) for source in said.facts.texts("unanswered")])
    apart = (
        f" {listed(not_for)} {'has' if len(not_for) == 1 else 'have'} no say in this kind of change."
        if not_for
        else ""
    )
    if not roles and not_for:
        return f"Nobody can approve this kind of change here:{apart} Whoever keeps the policy can name another role."
    able = listed(roles, last="or") or UNSAID
    if silent:
        return (
            f"This takes somebody who is {able}, and whether you are could not be asked ({silent}), "
            f"so it counts as no.{apart} Somebody who holds such a role by the policy can do it."
        )
    return f"This takes somebody who is {able}, and you are not. One of them can do it.{apart}"


def _authors_unknown(said: Said) -> str:
    repository, why = said.facts.text("repository", ""), said.facts.text("why", "")
    unplaced = listed(said.facts.texts("unplaced"))
    if unplaced:
        return (
            f"Commits in it are by {unplaced}, of whom GitHub knows no account and the directory no person, so it may "
            "be anybody and nobody's approval counts. Add the address to its owner's GitHub account or to the policy's "
            "people, then approve again."
        )
    if not why:
        return (
            "CI did not say who wrote this build, so nobody can be cleared of having written it. "
            "Have CI send details.authors with the build, then approve again."
        )
    words = did_not_answer(f"repository {repository}", why)
    return f"{words}, so nobody can be cleared of having written this build. {_sentence([silence(why).cure])}"


AUTHORITY: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "not-answered": _not_answered,
        "no-seat": _no_seat,
        "authors-unknown": _authors_unknown,
        "dispatched-it": lambda _: (
            "You started the pipeline that built this, and the policy keeps whoever did out of approving it. "
            "Another approver has to."
        ),
        "dispatcher-unknown": lambda _: (
            "CI said who started the pipeline in a form that nobody can read, so nobody can be cleared of it. "
            "Have CI send details.dispatched_by as a login, then approve again."
        ),
        "account-of-another": lambda s: (
            f"This Slack account is linked to somebody else, and the policy names it as {s.who('person')}'s, so it "
            "approves nothing. An administrator has to look whose it is."
        ),
    }
)
"""Why a click does not count, where that is about people."""

_SHORT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no-seat": "holds no role that a seat takes",
        "excluded": "is kept out by the policy",
        "own-request": "asked for it",
        "commit-author": "wrote commits in it",
        "dispatched-it": "started its pipeline",
        "dispatcher-unknown": "cannot be cleared of having started its pipeline",
        "authors-unknown": "cannot be cleared of having written it",
        "account-of-another": "used an account that is linked to somebody else",
    }
)


def why_uncounted(code: str, facts: Facts) -> str:
    """Why somebody's click did not count, as the end of a short line that begins with their name."""
    silent = silent_ones(facts)
    why = facts.text("why", "")
    if code == "authors-unknown" and why:
        silent = [(f"repository {facts.text('repository')}", why)]
    if not silent:
        return _SHORT.get(code, f"code {code}")
    source, problem = silent[0]
    cure = silence(problem).cure
    again = "they can press Approve again"
    return f"{did_not_answer(source, problem, THEM)}; {again if cure == AGAIN else cure}"


def source_silent(found: Found) -> Words:
    """The line beside the gates while a source does not answer about somebody who approved."""
    silent = silent_ones(found.facts)
    words = "; ".join(did_not_answer(source, code, THEM) for source, code in silent[:2])
    cures = [cure for cure in dict.fromkeys(silence(code).cure for _, code in silent) if cure != AGAIN]
    asked = "Whoever approved is asked about again every 15 seconds, and their approvals stay."
    return words or "a source of roles is silent", f"{asked} {_sentence(cures)}" if cures else asked
