"""The chat itself: what is typed becomes a turn or a command, and what comes of it is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import typer
from rich.console import Console
from rich.markup import escape
from rich.pretty import Pretty

from parley_agent.adapters.agent_directory import AgentOnDisk
from parley_agent.testing import Chat
from parley_cli.chat.faults import describe
from parley_cli.chat.silence import Ended, Silence, Terms
from parley_cli.chat.turns import Trace, end_turn, text_turn
from parley_cli.durations import duration_of
from parley_session.domain.settings import DEFAULTS


class Desk:
    """One participant and one agent. `handle` takes what is typed, until `is_over`."""

    def __init__(self, agent: AgentOnDisk, out: Console) -> None:
        self._agent = agent
        self._out = out
        self._chat = Chat(agent.directory)
        self._silence = Silence(Terms.of(agent.profile.sessions))
        self._trace: Trace | None = None
        self.is_over = False
        self.commands: dict[str, tuple[Callable[[str], None], str]] = {
            "/state": (self._show_state, "what the agent remembers"),
            "/trace": (self._show_trace, "the last turn: what went in, what came out, how long it took"),
            "/skip": (self._skip, "/skip 24h: nobody says anything for so long"),
            "/write": (self._write, "/write TEXT: a person texts in the agent's place"),
            "/resume": (self._resume, "people give the session back to the agent"),
            "/end": (self._end, "the session ends; your next text opens another"),
            "/help": (self._help, "this list"),
            "/quit": (self._quit, "leaves, as Ctrl-D does"),
        }

    def handle(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if not line.startswith("/"):
            self._text(line)
        elif word in self.commands:
            self.commands[word][0](rest.strip())
        else:
            self._note(f"there is no {word}: /help lists what there is")

    def _text(self, text: str) -> None:
        if not text:
            return
        self._silence.end()
        was_handed_off = self._chat.handed_off is not None
        self._trace = trace = text_turn(self._chat, text)
        self._show_turn(trace)
        if trace.error is not None:
            fallback = self._agent.profile.sessions.fallback_text or DEFAULTS.fallback_text
            self._note(f"after three such attempts the participant would get: {fallback}")
        elif was_handed_off:
            self._note("people have the session, the agent does not hear of it: /write TEXT, /resume or /end")
        elif self._chat.handed_off is not None:
            to = self._chat.handed_off.destination or "people"
            self._note(f"handed off to {to}: /write TEXT answers as a person, /resume gives it back")
        elif self._chat.hung_up:
            self._finish("ENDED_BY_AGENT")
            self._note("the agent has ended the session; your next text opens another")

    def _show_turn(self, trace: Trace) -> None:
        for line in trace.output.splitlines():
            self._note(f"│ {line}")
        for reply in trace.replies:
            self._out.print(f"[cyan]◂[/cyan] {escape(reply)}", soft_wrap=True)
        if isinstance(trace.error, KeyboardInterrupt):
            self._out.print("[red]interrupted[/red]")
        elif trace.error is not None:
            for line in describe(trace.error, self._agent.directory):
                self._out.print(f"[red]✗ {escape(line)}[/red]", soft_wrap=True)

    def _show_state(self, _: str) -> None:
        self._out.print(Pretty(dict(self._chat.state)))

    def _show_trace(self, _: str) -> None:
        if self._trace is None:
            self._note("there was no turn yet: text something")
            return
        trace = self._trace
        for name, values in (("given", trace.given), ("returned", trace.returned)):
            self._out.print(f"[dim]{name}[/dim]", Pretty(values))
        for line in trace.output.splitlines():
            self._out.print(f"[dim]printed[/dim] {escape(line)}", soft_wrap=True)
        if trace.error is not None:
            for line in describe(trace.error, self._agent.directory):
                self._out.print(f"[dim]raised[/dim]  {escape(line)}", soft_wrap=True)
        limit = self._agent.profile.turn_timeout
        self._out.print(f"[dim]took[/dim]    {1000 * trace.seconds:.1f} ms [dim]of the {limit:g} s it may[/dim]")

    def _skip(self, duration: str) -> None:
        try:
            far = duration_of(duration)
        except typer.BadParameter as error:
            self._note(f"/skip: {error}")
            return
        if not self._chat.history:
            self._note("no session is open: there is nobody to warn")
            return
        if self._chat.handed_off is not None:
            self._note("people have the session: it is neither warned nor ended")
            return
        events = list(self._silence.last(far))
        for event in events:
            self._note(f"after {_words(event.after)}" + (" more" if isinstance(event, Ended) else ""))
            if event.text:
                self._out.print(f"[magenta]◂ Parley[/magenta] {escape(event.text)}", soft_wrap=True)
            if isinstance(event, Ended):
                self._finish("INACTIVE")
                self._note("the session has ended as INACTIVE; your next text opens another")
                return
        self._note(self._what_comes_next())

    def _what_comes_next(self) -> str:
        left = self._silence.next_in
        if left is None:
            return "nothing happens: inactive_after is 0, so the session stays open"
        return f"{_words(left)} more, and the session is {'ended' if self._silence.is_warned else 'warned'}"

    def _write(self, text: str) -> None:
        if not text:
            self._note("/write: what? /write TEXT")
            return
        self._chat.write(text)
        self._silence.end()
        self._out.print(f"[magenta]◂ person[/magenta] {escape(text)}", soft_wrap=True)

    def _resume(self, _: str) -> None:
        if self._chat.handed_off is None:
            self._note("nothing to resume: the agent has the session")
            return
        self._chat.resume()
        self._note("the agent has the session again, from your next text on")

    def _end(self, _: str) -> None:
        self._silence.end()
        self._finish("ENDED_BY_REQUEST")
        self._note("the session has ended; your next text opens another")

    def _finish(self, reason: str) -> None:
        """Runs the agent's end(conv), once: here nobody tries it again."""
        trace = end_turn(self._chat, reason)
        self._show_turn(trace)
        if trace.error is not None:
            self._chat = Chat(self._agent.directory)

    def _help(self, _: str) -> None:
        for word, (_run, what) in self.commands.items():
            self._out.print(f"  [bold]{word:<8}[/bold] [dim]{escape(what)}[/dim]")

    def _quit(self, _: str) -> None:
        self.is_over = True

    def _note(self, text: str) -> None:
        self._out.print(f"[dim]{escape(text)}[/dim]", soft_wrap=True)


def _words(duration: timedelta) -> str:
    """`24 h`, `10 min`, `1 h 30 min`."""
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "no time"
