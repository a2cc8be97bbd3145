"""Turns in forked workers: what an agent's code may do there, and that it harms no turn but its own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from parley_agent.adapters.worker_pool import _read_answer
from parley_agent.domain.agent_yaml import InvalidAgent
from parley_agent.domain.hand_off import HandOff
from parley_agent.domain.turn import Ran
from parley_agent.errors import AgentAway, AgentFailed, AgentFull, TurnTimedOut
from tests.integration.agent.agents import Desk, desk, is_running, turn, until, write_agent, zygotes

# Enough for a fork and a turn on a busy machine; what is measured takes some milliseconds.
SOON = 10.0


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    return write_agent(tmp_path / "desk")


@pytest.fixture
async def one(agent: Path) -> AsyncIterator[Desk]:
    """A pool with a single worker, so that the next turn needs its replacement."""
    async with desk(agent) as opened:
        yield opened


async def test_turns_run_in_a_worker_that_stays(one: Desk) -> None:
    pid = int(await one.say("pid"))
    assert pid != os.getpid()
    assert int(await one.say("pid")) == pid


async def test_workers_run_turns_at_the_same_time(agent: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    async with desk(agent, workers=3) as pool:
        assert await asyncio.gather(*(pool.say(f"meet {place} 3") for _ in range(3))) == ["met"] * 3


async def test_workers_do_not_draw_the_same_random_numbers(agent: Path) -> None:
    async with desk(agent, calls=1) as pool:
        assert await pool.say("random") != await pool.say("random")


@pytest.mark.parametrize("hang", ["loop", "block", "sleep 1000"])
async def test_a_turn_that_hangs_is_killed_at_its_deadline_and_the_next_one_runs(one: Desk, hang: str) -> None:
    pid = int(await one.say("pid"))
    began = time.monotonic()
    with pytest.raises(TurnTimedOut):
        await one.run(hang, timeout=0.2)
    assert 0.2 <= time.monotonic() - began < SOON
    assert await one.say("echo fine", timeout=SOON) == "fine"
    await until(lambda: not is_running(pid), timeout=SOON)
    assert int(await one.say("pid")) != pid


async def test_an_exception_fails_its_turn_and_tells_where_but_not_what(
    one: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    pid = await one.say("pid")
    with pytest.raises(AgentFailed, match=r"respond\(\) raised ValueError at agent.py:\d+ in do_raise") as caught:
        await one.run("raise my-secret +15005550006")
    assert len(caught.value.frames) == 2
    assert await one.say("pid") == pid
    (record,) = [record for record in caplog.records if record.message == "turn_failed"]
    assert record.__dict__["at"] == caught.value.frames
    assert "secret" not in str(record.__dict__)
    assert "5550006" not in str(record.__dict__)


async def test_sys_exit_fails_the_turn_and_leaves_the_worker(one: Desk) -> None:
    pid = await one.say("pid")
    with pytest.raises(AgentFailed, match="SystemExit"):
        await one.run("exit 0")
    assert await one.say("pid") == pid


@pytest.mark.parametrize("death", ["die", "kill"])
async def test_a_worker_that_dies_fails_its_turn_and_is_replaced(one: Desk, death: str) -> None:
    pid = await one.say("pid")
    with pytest.raises(AgentFailed, match="ended its worker"):
        await one.run(death, timeout=SOON)
    assert await one.say("pid", timeout=SOON) != pid


async def test_only_the_turn_of_the_dead_worker_fails(agent: Path) -> None:
    async with desk(agent, workers=2) as pool:
        slow = asyncio.ensure_future(pool.say("sleep 0.3"))
        for _ in range(3):
            with pytest.raises(AgentFailed):
                await pool.run("die")
        assert await slow == "slept"


async def test_what_is_printed_goes_to_the_log_and_harms_nothing(one: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert await one.say("print +15005550006") == "printed"

    def lines() -> list[str]:
        return [record.__dict__["text"] for record in caplog.records if record.message == "agent_output"]

    await until(lambda: any("xxx" in line for line in lines()))
    assert lines()[:2] == ["heard <number>", "on stderr"]
    assert lines()[2].endswith(" raw")
    assert max(map(len, lines())) <= 4096


async def test_a_closed_stdout_harms_nothing(one: Desk) -> None:
    assert await one.say("close") == "closed"
    assert await one.say("echo on") == "on"


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "nonsense",
        '[0,{"replies":["stolen"],"state":"","hang_up":false,"hand_off":null}]',
        '[0,{"what":"","frames":[]}]',
    ],
)
async def test_an_answer_forged_by_the_agent_fails_that_turn_only(one: Desk, answer: str) -> None:
    with pytest.raises(AgentFailed, match="ended its worker, or its connection"):
        await one.run(f"forge {answer}", timeout=SOON)
    for word in ("one", "two", "three"):
        assert await one.say(f"echo {word}", timeout=SOON) == word


@pytest.mark.parametrize("hand_off", ['"desk"', "true", "[]", '["desk"]', '["desk",1]', '["desk","why","how"]', "{}"])
def test_an_answer_with_a_hand_off_that_is_none_is_no_answer(hand_off: str) -> None:
    answer = f'[7,{{"replies":["hi"],"state":"","hang_up":false,"hand_off":{hand_off}}}]'
    assert _read_answer(answer.encode(), 7) is None


def test_a_hand_off_comes_out_of_a_worker_as_it_went_in() -> None:
    answer = b'[7,{"replies":[],"state":"{}","hang_up":false,"hand_off":["desk","why"]}]'
    assert _read_answer(answer, 7) == Ran([], "{}", False, HandOff("desk", "why"))
    assert _read_answer(answer, 8) is None


async def test_a_state_of_64_kib_passes_and_a_larger_one_fails_by_its_key(one: Desk) -> None:
    room = 64 * 1024 - len('{"big":""}')
    ran = await one.run(f"state {room}")
    assert len(ran.state) == 64 * 1024
    assert (await one.pool.run(turn("echo on", ran.state), SOON)).state == ran.state
    with pytest.raises(AgentFailed, match=r"takes 65537 bytes and 65536 are allowed; most are in conv.state\['big'\]"):
        await one.run(f"state {room + 1}")


async def test_a_long_history_and_long_texts_pass(one: Desk) -> None:
    long = turn("echo " + "é" * 10_000)
    long.history = [("user", "x" * 1600)] * 500
    assert (await one.pool.run(long, SOON)).replies == ["é" * 10_000]


async def test_the_service_s_secrets_are_not_in_the_environment(agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARLEY_API_KEYS", "TWILIO_AUTH_TOKEN", "DATABASE_URL", "PGPASSWORD"):
        monkeypatch.setenv(name, "secret")
    async with desk(agent) as pool:
        seen = (await pool.say("environment")).split()
    assert "PATH" in seen
    assert not [name for name in seen if name.startswith(("PARLEY", "TWILIO", "DATABASE", "PG"))]


async def test_an_agent_runs_in_its_directory_within_its_limits(agent: Path) -> None:
    async with desk(agent) as pool:
        assert await pool.say("where") == str(agent)
        assert await pool.say("limits") == "(0, 0) 256"


async def test_memory_beyond_the_limit_fails_the_turn(agent: Path) -> None:
    async with desk(agent, memory=512 * 1024 * 1024) as pool:
        with pytest.raises(AgentFailed, match="MemoryError"):
            await pool.run("allocate 600000000")
        assert await pool.say("allocate 1000") == "1000"


async def test_a_worker_is_replaced_after_its_number_of_turns(agent: Path) -> None:
    async with desk(agent, calls=3) as pool:
        pids = [await pool.say("pid", timeout=SOON) for _ in range(7)]
        assert [len(set(pids[:3])), len(set(pids[3:6])), len(set(pids))] == [1, 1, 3]
        await until(lambda: not any(is_running(int(pid)) for pid in pids[:6]))


async def test_turns_wait_in_order_for_a_worker(one: Desk) -> None:
    order: list[int] = []

    async def say(number: int) -> None:
        await one.say(f"echo {number}")
        order.append(number)

    await asyncio.gather(*(say(number) for number in range(20)))
    assert order == list(range(20))


async def test_a_turn_that_waited_for_half_of_its_time_never_begins(one: Desk) -> None:
    busy = asyncio.ensure_future(one.say("sleep 3"))
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(AgentFull):
        await one.run("echo late", timeout=1.0)
    assert time.monotonic() - began >= 0.5
    assert not busy.done()
    assert await busy == "slept"
    assert await one.say("echo on time", timeout=SOON) == "on time"


async def test_a_full_queue_refuses_at_once(agent: Path) -> None:
    async with desk(agent, queue=2) as pool:
        running = [asyncio.ensure_future(pool.say("sleep 0.2"))]
        await asyncio.sleep(0)
        running += [asyncio.ensure_future(pool.say("echo in")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(AgentFull, match="2 turns wait"):
            pool.pool.run(turn("echo out"), SOON)
        assert await asyncio.gather(*running) == ["slept", "in", "in"]


async def test_a_turn_whose_caller_has_gone_before_it_began_is_left_out(one: Desk, tmp_path: Path) -> None:
    busy = asyncio.ensure_future(one.say("sleep 0.2"))
    await asyncio.sleep(0)
    gone = one.pool.run(turn(f"touch {tmp_path / 'ran'}"), SOON)
    gone.cancel()
    assert await busy == "slept"
    assert await one.say("echo after it", timeout=SOON) == "after it"
    assert not (tmp_path / "ran").exists()


async def test_a_zygote_that_dies_is_restarted_with_its_workers(one: Desk) -> None:
    pid, child = int(await one.say("pid")), int(await one.say("child"))
    running = asyncio.ensure_future(one.run("sleep 1000"))
    await asyncio.sleep(0.05)
    (zygote,) = zygotes()
    zygote.send_signal(signal.SIGKILL)
    with pytest.raises(AgentFailed):
        await running
    assert int(await one.say("pid", timeout=10)) != pid
    await until(lambda: not is_running(pid) and not is_running(child))


async def test_an_agent_that_cannot_be_started_again_is_away_until_it_can(agent: Path) -> None:
    async with desk(agent) as pool:
        code = (agent / "agent.py").read_text()
        (agent / "agent.py").write_text("import nowhere")
        (zygote,) = zygotes()
        zygote.kill()

        async def answers() -> bool:
            with suppress(AgentAway, AgentFailed):
                return await pool.say("echo here", timeout=10) == "here"
            return False

        async def until_it_answers(wanted: bool) -> None:
            async with asyncio.timeout(15):
                while await answers() is not wanted:
                    await asyncio.sleep(0.01)

        await until_it_answers(False)
        await until(lambda: not is_running(zygote.pid))
        with pytest.raises(AgentAway):
            await pool.say("echo here", timeout=10)
        (agent / "agent.py").write_text(code)
        await until_it_answers(True)


@pytest.mark.parametrize("last", ["die", "echo bye"])
async def test_what_a_worker_has_started_dies_with_it(agent: Path, last: str) -> None:
    async with desk(agent, calls=2) as pool:
        child = int(await pool.say("child"))
        with suppress(AgentFailed):
            await pool.run(last, timeout=SOON)
        await until(lambda: not is_running(child))


async def test_nothing_is_left_when_a_pool_is_closed(agent: Path) -> None:
    async with desk(agent, workers=2) as pool:
        child, pid = int(await pool.say("child")), int(await pool.say("pid"))
        hanging = asyncio.ensure_future(pool.run("loop"))
        await asyncio.sleep(0)
        (zygote,) = zygotes()
        family = [zygote, *zygote.children(recursive=True)]
        assert {child, pid} <= {process.pid for process in family}
    hanging.cancel()
    await until(lambda: not any(is_running(process.pid) for process in family))


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import nowhere", "agent.py: could not be imported: ModuleNotFoundError"),
        ("x = 1", "agent.py: defines no respond"),
        ("import os; os._exit(0)", "agent.py: the process ended while importing it"),
    ],
)
async def test_an_agent_that_cannot_be_loaded_is_refused(tmp_path: Path, code: str, problem: str) -> None:
    with pytest.raises(InvalidAgent, match=problem):
        async with desk(write_agent(tmp_path / "desk", code)):
            pass
    assert zygotes() == []


async def test_a_start_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    code = "import pathlib\npathlib.Path(__file__).with_name('importing').touch()\nwhile True: pass"
    directory = write_agent(tmp_path / "desk", code)

    async def begin() -> None:
        async with desk(directory):
            pass

    for marker in (tmp_path, directory / "importing"):
        starting = asyncio.ensure_future(begin())
        await asyncio.sleep(0)
        await until(marker.exists)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await until(lambda: not zygotes(), timeout=SOON)


async def test_signal_handlers_of_the_agent_do_not_stop_the_zygote(tmp_path: Path) -> None:
    code = """
    import os, signal
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    def respond(conv, message): os._exit(1) if message == "die" else None
    """
    async with desk(write_agent(tmp_path / "desk", code)) as pool:
        with pytest.raises(AgentFailed):
            await pool.run("die", timeout=SOON)
        assert (await pool.run("live", timeout=SOON)).replies == []


def test_a_worker_has_nothing_of_the_service_in_it() -> None:
    code = "import sys, parley_agent.sandbox.zygote; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert not imported & {"grpc", "google", "parley", "parley_chassis", "pydantic", "yaml", "uvloop", "opentelemetry"}
