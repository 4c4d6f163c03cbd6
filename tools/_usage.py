"""How a command line is read, explained, and answered in lines that fit the terminal."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from typing import NoReturn

ROOMY = 70  # columns; with fewer, words need the room that an indent takes


def wrapped(text: str, first: int = 0, indent: int = 22) -> str:
    """In lines that fit the terminal, indented so far; no word is cut in two.

    In a file or a pipe it stays one line, for `grep`.
    """
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty():
        return " " * first + text
    inner = indent if columns >= ROOMY else 5
    return textwrap.fill(
        text,
        columns,
        initial_indent=" " * min(first, inner),
        subsequent_indent=" " * inner,
        break_long_words=False,
        break_on_hyphens=False,
    )


class Help(argparse.HelpFormatter):
    """A description's paragraphs stay apart; what is indented in it stays as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(
            each if each.startswith((" ", "\n")) else textwrap.fill(" ".join(each.split()), width)
            for each in text.strip("\n").split("\n\n")
        )


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with what was typed, and where to read on."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}. See {self.prog} --help", file=sys.stderr)
        sys.exit(2)
