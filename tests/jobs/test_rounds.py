"""The schedule, simulated: days in a moment, hosts that are slow, machines that sleep."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flows.observe import Watched
from bot.jobs.rounds import SLOW, STALLED, Post, Rounds, phase
from bot.policy.monitors import FileMonitor

EVERY = 30.0


def post(name: str, *, host: str | None = "a", every: float = EVERY) -> Post:
    monitor = FileMonitor(name=name, file="x", every=timedelta(seconds=every))
    return Post("production", monitor, Watched(), every, host)


@dataclass
class Simulated:
    """A loop whose readings take as long as they are told; its clock stands still in between."""

    rounds: Rounds
    takes: Callable[[Post], float] = lambda _: 0.01
    now: float = 0.0
    begun: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    most: Counter[str | None] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)
    ending: list[tuple[float, int, Post]] = field(default_factory=list)
    under_way: Counter[str | None] = field(default_factory=Counter)
    numbers: "count[int]" = field(default_factory=count)

    def until(self, end: float) -> "Simulated":
        while True:
            ends = self.ending[0][0] if self.ending else None
            nexts = [at for at in (self.rounds.next_at, ends) if at is not None]
            if not nexts or min(nexts) > end:
                return self
            self.now = max(self.now, min(nexts))
            self.step()

    def sleep(self, seconds: float) -> None:
        """Nobody looks at the schedule; what was under way ends as soon as somebody does."""
        self.now += seconds
        self.step()

    def step(self) -> None:
        while self.ending and self.ending[0][0] <= self.now:
            _, _, each = heapq.heappop(self.ending)
            self.under_way[each.host] -= 1
            self.rounds.done(each, self.now)
        for each in self.rounds.take(self.now):
            self.begun[each.monitor.name].append(self.now)
            self.lags.append(self.now - each.due)
            self.under_way[each.host] += 1
            self.most[each.host] = max(self.most[each.host], self.under_way[each.host])
            self.most["all"] = max(self.most["all"], self.under_way.total())
            heapq.heappush(self.ending, (self.now + self.takes(each), next(self.numbers), each))


def simulated(
    posts: Sequence[Post],
    *,
    takes: Callable[[Post], float] = lambda _: 0.01,
    at_once: int = 200,
    per_host: int = 6,
) -> Simulated:
    return Simulated(Rounds(posts, now=0.0, at_once=at_once, per_host=per_host), takes)


def test_every_monitor_is_read_once_in_each_interval_at_its_own_moment() -> None:
    day = simulated([post(f"m{n}") for n in range(50)]).until(86_400)

    for begun in day.begun.values():
        gaps = [later - earlier for earlier, later in pairwise(begun)]
        assert gaps[0] < 1.1 * EVERY + 0.1
        assert all(abs(gap - EVERY) < 0.1 for gap in gaps[1:])
    moments = Counter(int(begun[-1] % EVERY) for begun in day.begun.values())
    assert max(moments.values()) < 8


def test_a_restart_is_not_blind_for_long() -> None:
    few = simulated([post(f"m{n}", host=f"h{n}") for n in range(20)]).until(1.1)

    assert len(few.begun) == 20


def test_ten_thousand_monitors_begin_without_a_burst_and_in_time() -> None:
    hosts = simulated([post(f"m{n}", host=f"h{n % 500}") for n in range(10_000)]).until(3 * EVERY)
    seconds = Counter(int(at) for begun in hosts.begun.values() for at in begun)

    assert len(hosts.begun) == 10_000
    assert max(seconds.values()) < 600  # a third more than evenly spread, twice where rounds overlap
    assert max(hosts.lags) < 0.2


def test_no_host_is_read_more_often_at_once_than_allowed_nor_is_all() -> None:
    posts = [post(f"m{n}", host=f"h{n % 3}") for n in range(90)]
    busy = simulated(posts, takes=lambda _: 20.0, at_once=9, per_host=4).until(600)

    assert max(busy.most[f"h{n}"] for n in range(3)) <= 4
    assert busy.most["all"] == 9
    assert min(len(begun) for begun in busy.begun.values()) > 0


def test_what_is_read_here_is_limited_by_the_whole_alone() -> None:
    posts = [post(f"m{n}", host=None) for n in range(40)]

    assert simulated(posts, takes=lambda _: 25.0, at_once=100, per_host=1).until(120).most["all"] > 25


def test_a_slow_host_delays_no_other() -> None:
    posts = [post(f"slow{n}", host="slow") for n in range(500)]
    posts += [post(f"quick{n}", host=f"h{n}") for n in range(200)]
    busy = simulated(posts, takes=lambda p: 5.0 if p.host == "slow" else 0.01, at_once=20, per_host=6).until(
        600
    )

    for name, begun in busy.begun.items():
        if name.startswith("quick"):
            assert all(b - a < 1.1 * EVERY + 0.1 for a, b in pairwise(begun))
            assert len(begun) >= 19


def test_many_slow_hosts_leave_half_of_the_places_to_the_others() -> None:
    posts = [post(f"slow{n}", host=f"slow{n}") for n in range(400)]
    posts += [post(f"quick{n}", host=f"h{n}") for n in range(100)]
    busy = simulated(
        posts, takes=lambda p: 5.0 if p.monitor.name.startswith("slow") else 0.01, at_once=20
    ).until(900)
    late = [
        b - a
        for n in range(100)
        for a, b in zip(busy.begun[f"quick{n}"][8:], busy.begun[f"quick{n}"][9:], strict=False)
    ]

    assert max(late) < EVERY + 1
    assert (
        sum(len(busy.begun[f"slow{n}"]) for n in range(400)) > 900 / 5 * 8
    )  # and they do use their own half


def test_a_host_that_is_quick_again_gets_its_place_back() -> None:
    slow_until = 300.0
    posts = [post(f"m{n}", host=f"h{n}") for n in range(30)]
    busy = simulated(posts, at_once=4)
    busy.takes = lambda _: SLOW + 4 if busy.now < slow_until else 0.01
    busy.until(600)

    assert all(begun[-1] > 565 for begun in busy.begun.values())


def test_a_reading_that_takes_longer_than_its_interval_never_runs_twice_at_once() -> None:
    long = simulated([post("m", every=2.0)], takes=lambda _: 5.0).until(100)

    assert long.most["a"] == 1
    assert all(b - a >= 5.0 for a, b in zip(long.begun["m"], long.begun["m"][1:], strict=False))


@pytest.mark.parametrize("seconds", [STALLED + 1, 29.0, 45.0, 3600.0, 40 * 86_400.0])
def test_a_machine_that_slept_makes_up_for_nothing_in_a_burst(seconds: float) -> None:
    posts = [post(f"m{n}", host=f"h{n}") for n in range(1000)]
    asleep = simulated(posts, at_once=1000).until(100)
    before = {name: len(begun) for name, begun in asleep.begun.items()}
    asleep.sleep(seconds)
    assert asleep.rounds.stalled > seconds - 1
    woke = asleep.now
    asleep.until(woke + 2 * EVERY)

    after = Counter(int(at - woke) for begun in asleep.begun.values() for at in begun if at >= woke)
    assert max(after.values()) < 3 * len(posts) / EVERY
    for name, begun in asleep.begun.items():
        assert begun[before[name]] - woke < EVERY + 1  # and all are read again within an interval
    asleep.until(woke + 200)
    assert all(begun[-1] - woke > 199 - EVERY for begun in asleep.begun.values())


def test_what_is_overdue_is_told() -> None:
    hung = simulated([post("one"), post("two")], takes=lambda _: 1e9, per_host=1).until(10)
    hung.until(200)

    assert 190 < hung.rounds.overdue(200.0) < 201
    assert simulated([post("one")]).until(100).rounds.overdue(100.0) <= 0.0
    assert Rounds([], now=0.0, at_once=1, per_host=1).overdue(9.0) == 0.0
    assert Rounds([], now=0.0, at_once=1, per_host=1).next_at is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.floats(0.5, 60), st.floats(0, 20)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_whatever_the_readings_take_none_is_forgotten_and_no_limit_is_passed(
    found: list[tuple[str | None, float, float]], at_once: int, per_host: int
) -> None:
    posts = [post(f"m{n}", host=host, every=every) for n, (host, every, _) in enumerate(found)]
    took = {f"m{n}": seconds for n, (_, _, seconds) in enumerate(found)}
    walked = simulated(posts, takes=lambda p: took[p.monitor.name], at_once=at_once, per_host=per_host).until(
        2000
    )

    assert walked.most["all"] <= at_once
    assert all(walked.most[host] <= per_host for host in ("a", "b", "c"))
    hosts = [host or f"only m{n}" for n, (host, _, _) in enumerate(found)]
    for name, own in zip(took, hosts, strict=True):
        # hosts take turns: before each one of its own host, one of every other may be read
        patience = 60 * 1.5 + 20 * hosts.count(own) * len({*hosts}) + 1
        begun = [0.0, *walked.begun[name], 2000.0]
        assert max(b - a for a, b in pairwise(begun)) < patience


def test_a_phase_is_of_the_environment_and_the_name() -> None:
    assert phase("production", "api") != phase("staging", "api")


def test_what_waits_for_a_slow_host_is_overdue_and_the_watch_is_not_behind() -> None:
    rounds = Rounds([post(f"m{n}", host="slow") for n in range(9)], now=0, at_once=4, per_host=2)
    for now in range(40):
        rounds.take(now)  # nothing is ever done
    assert rounds.overdue(40) > 30
    assert rounds.behind(40) < STALLED


def test_a_watch_whose_places_are_all_taken_is_behind() -> None:
    rounds = Rounds([post(f"m{n}", host=f"h{n}") for n in range(9)], now=0, at_once=4, per_host=2)
    for now in range(40):
        rounds.take(now)
    assert rounds.behind(40) > 30
