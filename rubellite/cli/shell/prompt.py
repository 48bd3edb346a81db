"""The prompt: completion, hints, colours, history. The only module that needs prompt_toolkit.

Enter sends a command, unless a quote is open: then its word goes on in the next line. What
is pasted may hold several lines, each a command, or a word with line ends in quotes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import (
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from rubellite.cli.scratch import Scratch
from rubellite.cli.shell import hints, words
from rubellite.cli.shell.run import LeaveError, execute
from rubellite.cli.shell.session import Session
from rubellite.client.resp import ConnectError, ErrorText
from rubellite.config.words import Word, places

if TYPE_CHECKING:
    from rubellite.cli.shell.hints import Usages

_STYLE = Style.from_dict(
    {
        "command": "bold ansigreen",
        "unknown": "ansired",
        "string": "ansiyellow",
        "number": "ansicyan",
        "option": "ansiblue",
        "open": "underline ansired",
        "hint": "ansibrightblack",
        "prompt": "bold",
    }
)
#: Commands with secrets, which history does not keep: their first words.
_SECRET = (
    ("auth",),
    ("acl", "setuser"),
    ("config", "set"),
    ("migrate",),
    ("hello",),
)


def history_path() -> str:
    """Where history is kept; empty: nowhere."""
    given = os.environ.get("RUBELLITE_HISTFILE")
    if given is not None:
        return "" if given == "/dev/null" else given
    return os.path.join(os.path.expanduser("~"), ".rubellite_history")


def is_secret(line: str) -> bool:
    """Whether a line may hold a password."""
    typed = [word.value.decode("utf-8", "replace").lower() for word in places(line)]
    if typed[:2] == ["config", "set"]:
        return any("pass" in word or word in ("masterauth",) for word in typed[2::2])
    if typed[:1] in (["hello"], ["migrate"]):
        return any(word.startswith("auth") for word in typed[1:])
    return any(tuple(typed[: len(first)]) == first for first in _SECRET)


class _History(FileHistory):
    """A file that only its user can read, without secrets."""

    def store_string(self, string: str) -> None:
        if is_secret(string):
            return
        try:
            is_new = not os.path.exists(os.fsdecode(self.filename))
            super().store_string(string)
            if is_new:
                os.chmod(self.filename, 0o600)
        except OSError:
            # A home that cannot be written to is no reason not to work.
            pass


def _typed(text: str) -> tuple[list[str], str]:
    """The words of a line before the cursor that are done, and the one being typed."""
    found = places(text)
    is_done = not found or found[-1].end < len(text)
    values = [word.value.decode("utf-8", "replace") for word in found]
    return (values, "") if is_done else (values[:-1], text[found[-1].start :])


class _Completer(Completer):
    def __init__(self, usages: Callable[[], Usages]) -> None:
        self._usages = usages

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        done, prefix = _typed(document.text_before_cursor)
        if not done and not prefix and not complete_event.completion_requested:
            return
        # Options only once something of them is typed, or they are asked for.
        if done and not prefix and not complete_event.completion_requested:
            return
        for name, summary in self._usages().completions(done, prefix):
            is_lower = prefix.islower() or (not prefix and bool(done) and done[0].islower())
            shown = name.lower() if is_lower else name
            yield Completion(shown, -len(prefix), display_meta=summary)


class _Hint(Processor):
    """What may still follow, in grey behind the cursor."""

    def __init__(self, usages: Callable[[], Usages], prompt_columns: Callable[[], int]) -> None:
        self._usages, self._prompt_columns = usages, prompt_columns

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        given = transformation_input
        document, fragments = given.document, given.fragments
        is_last = given.lineno == document.line_count - 1
        text = document.text
        app = get_app()
        is_elsewhere = not is_last or document.cursor_position < len(text)
        if app.is_done or is_elsewhere or not text.strip():
            return Transformation(fragments)
        done, prefix = _typed(text)
        hint = self._usages().hint([*done, prefix] if prefix else done)
        if not hint or words.is_open(text):
            return Transformation(fragments)
        hint = hint if text.endswith(" ") else f" {hint}"
        # A hint that went on in the next line would look like something typed.
        line = sum(map(get_cwidth, document.lines[-1])) + self._prompt_columns() + 3
        room = app.output.get_size().columns - line
        if len(hint) > room:
            hint = hint[: room - 1] + "…" if room > 1 else ""
        return Transformation([*fragments, ("class:hint", hint)])


class _Lexer(Lexer):
    def __init__(self, usages: Callable[[], Usages]) -> None:
        self._usages = usages

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        text = document.text
        styles = [""] * len(text)
        found = places(text)
        names = [word.value.decode("utf-8", "replace") for word in found]
        usage = self._usages().find(names)
        count = usage[1] if usage else 1
        for number, word in enumerate(found):
            style = self._style(word, number, count, usage is not None)
            for at in range(word.start, word.end):
                styles[at] = style
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def fragments(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            start, line = starts[number], document.lines[number]
            return [(styles[start + at], char) for at, char in enumerate(line)]

        return fragments

    @staticmethod
    def _style(word: Word, number: int, count: int, is_known: bool) -> str:
        if not word.is_whole:
            return "class:open"
        if number < count:
            return "class:command" if is_known else "class:unknown"
        if word.is_quoted:
            return "class:string"
        try:
            float(word.value)
        except ValueError:
            return ""
        return "class:number"


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            # Enter takes what was chosen; the next one sends.
            buffer.complete_state = None
        elif words.is_open(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    return bindings


class _Known:
    """What is known of the commands of the server that is talked to; asked for once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._place = ""
        self._usages = hints.Usages()

    def __call__(self) -> Usages:
        return self._usages

    def refresh(self) -> None:
        """After connecting: asks what there is, if the server is another one."""
        session = self._session
        if session.connection is None or session.place == self._place:
            return
        self._place = session.place
        try:
            reply = session.call("COMMAND", "DOCS")
        except ConnectError:
            return
        if isinstance(reply, ErrorText) or not reply:
            # Redis before 7.0 does not tell; ours has all that it has.
            reply = Scratch().call("COMMAND", "DOCS")
        self._usages = hints.of_docs(reply)


def interact(session: Session) -> int:
    """Reads commands until the user leaves; returns the exit status."""
    # What a job in the background starts ignores Ctrl-C; whoever types it here means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    path = history_path()
    known = _Known(session)
    session.connect()
    known.refresh()
    prompt: PromptSession[str] = PromptSession(
        history=_History(path) if path else InMemoryHistory(),
        completer=_Completer(known),
        complete_while_typing=False,
        lexer=_Lexer(known),
        input_processors=[_Hint(known, lambda: len(session.prompt()))],
        key_bindings=_bindings(),
        style=_STYLE,
        multiline=True,
        prompt_continuation=lambda width, _line, _wraps: "…".rjust(width - 1) + " ",
    )
    while True:
        try:
            with patch_stdout(raw=True):
                text = prompt.prompt([("class:prompt", session.prompt())])
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        try:
            for line in words.commands(text):
                if not _help(known(), line):
                    execute(session, line)
        except LeaveError:
            return 0
        except KeyboardInterrupt:
            # The reply may be on its way: what comes next must not be taken for it.
            session.out.flush()
            sys.stdout.write("\n")
            session.drop()
            session.connect()
        known.refresh()


def _help(usages: Usages, line: str) -> bool:
    """Answers `help [COMMAND]`. False: the line is something else."""
    typed = line.split()
    if not typed or typed[0].lower() not in ("help", "?"):
        return False
    if len(typed) == 1:
        print(
            "help COMMAND    the arguments of a command\n"
            "Tab             completes commands and options\n"
            "connect HOST PORT\n"
            "clear, quit"
        )
        return True
    found = usages.find(typed[1:])
    if found is None:
        print(f"There is no command {' '.join(typed[1:]).upper()}")
        return True
    usage = found[0]
    print(f"\n  {usage.text}")
    for name in ("summary", "since", "group"):
        if getattr(usage, name):
            print(f"  {name}: {getattr(usage, name)}")
    print()
    return True
