"""The pytest plugin that fails a test during which the product told what it must not.

In every process that runs tests it hears all log lines of INFO and above, all spans and all errors for other
processes; behind each test it reads what the processes that were started wrote to their logs.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SynchronousMultiSpanProcessor

from parley_chassis.errors import ParleyError
from tests.canary.watch import Watch

SERVICES = ("agent", "chassis", "cli", "gateway", "notifier", "session", "simulator")


class _Ear(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.NOTSET)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.record(record)


class Canary:
    """Counts of other processes' plugins are added up where the run is summed up."""

    def __init__(self, config: pytest.Config) -> None:
        self.watch = Watch()
        self._config = config
        self._ear = _Ear(self.watch)
        self._patches = pytest.MonkeyPatch()
        self._counts: Counter[str] = Counter()
        self._own: set[Path] = set()
        """Folders of single tests, which were read when those ended."""

    def listen(self) -> None:
        for service in SERVICES:
            # As in production; a test that asks for more gets it.
            logging.getLogger(f"parley_{service}").setLevel(logging.INFO)
        end, make, watch = SynchronousMultiSpanProcessor.on_end, ParleyError.__init__, self.watch

        def on_end(processor: SynchronousMultiSpanProcessor, span: ReadableSpan) -> None:
            watch.span(span)
            end(processor, span)

        def made(error: ParleyError, message: str, *args: Any, **kwargs: Any) -> None:
            watch.error(message)
            make(error, message, *args, **kwargs)

        self._patches.setattr(SynchronousMultiSpanProcessor, "on_end", on_end)
        self._patches.setattr(ParleyError, "__init__", made)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        # A test of the logs' own set-up may have put another handler in the place of all.
        root = logging.getLogger()
        if self._ear not in root.handlers:
            root.addHandler(self._ear)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        try:
            yield
        finally:
            self._read_logs(item, nextitem)
        if found := self.watch.take():
            pytest.fail(
                "\n".join(["told while this test ran, or before it since the last one:", *found]), pytrace=False
            )

    def _read_logs(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        for _, kind, text in item._report_sections:
            if kind == "stderr":
                self.watch.output(text, "standard error")
        if own := getattr(item, "funcargs", {}).get("tmp_path"):
            self.watch.files(own)
            self._own.add(own)
        # What several tests share has been left by the last test of a module.
        if nextitem is None or nextitem.path != item.path:
            factory = self._config._tmp_path_factory  # type: ignore[attr-defined]
            for shared in set(factory.getbasetemp().iterdir()) - self._own:
                self.watch.files(shared)

    def pytest_sessionfinish(self) -> None:
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output["canary"] = dict(self.watch.seen)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._counts.update(getattr(node, "workeroutput", {}).get("canary", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        seen = self._counts + self.watch.seen
        if seen:
            counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(seen.items()))
            terminalreporter.write_line(f"looked for numbers, texts and secrets in {counts}")

    def pytest_unconfigure(self) -> None:
        self._patches.undo()
        logging.getLogger().removeHandler(self._ear)


def pytest_configure(config: pytest.Config) -> None:
    canary = Canary(config)
    config.pluginmanager.register(canary, "parley-canary")
    canary.listen()
