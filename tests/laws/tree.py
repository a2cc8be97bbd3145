"""Our own Python files as the laws see them: found, read and parsed once; generated code is not ours."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("services", "operator", "agents", "bench", "examples", "tests")
FOREIGN = {".venv", "__pycache__", "node_modules"}


@dataclass(frozen=True)
class Source:
    """One file: its path within the repository, its text, its syntax tree and every node of that."""

    path: str
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)
    nodes: tuple[ast.AST, ...] = field(repr=False)

    @classmethod
    def of(cls, text: str, path: str) -> "Source":
        tree = ast.parse(text)
        return cls(path, text, tree, tuple(ast.walk(tree)))

    @property
    def name(self) -> str:
        return Path(self.path).stem

    @property
    def is_product(self) -> bool:
        return self.path.startswith(("services/", "operator/"))

    @property
    def is_domain(self) -> bool:
        return self.is_product and ("/domain/" in self.path or self.path.endswith("/domain.py"))

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/") or "/tests/" in self.path

    @property
    def is_stand_in(self) -> bool:
        """An agent that a test runs: it stands for a customer's code, with whatever faults the test is about."""
        return self.is_test and bool(re.search(r"/\w*agents/", self.path))

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@dataclass(frozen=True)
class Breach:
    """A place that breaks a law, printed as an editor can open it."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


Law = Callable[[Source], Iterable[Breach]]


def own_sources(root: Path = ROOT) -> list[Source]:
    return [Source.of(path.read_text(), str(path.relative_to(root))) for path in sorted(_own_files(root))]


def _own_files(root: Path) -> Iterator[Path]:
    for place in PLACES:
        yield from (path for path in (root / place).rglob("*.py") if not FOREIGN & set(path.parts))


def breaches(law: Law, sources: Iterable[Source]) -> list[str]:
    return [str(breach) for source in sources for breach in law(source)]


def assert_kept(law: Law, sources: Iterable[Source]) -> None:
    """Fails with every breach of `law`, one a line."""
    __tracebackhide__ = True
    found = breaches(law, sources)
    if found:
        raise AssertionError("\n".join(["the law is broken here:", *found]))


def is_broken_by(law: Law, text: str, path: str = "services/session/parley_session/app.py") -> bool:
    return bool(breaches(law, [Source.of(text, path)]))


def called_name(node: ast.AST) -> str:
    """The dotted name that a call calls, as far as it is written: `asyncio.sleep`, `datetime.now`."""
    if isinstance(node, ast.Call):
        return called_name(node.func)
    if isinstance(node, ast.Attribute):
        return f"{called_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""
