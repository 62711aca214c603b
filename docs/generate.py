"""Write the reference pages that the code itself can tell: commands, settings, rules.

python docs/generate.py            write docs/reference/{commands,settings,rules}.md and rules/<pack>.md
python docs/generate.py --check    exit 1 and name the pages that are out of date; write nothing
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from duecourse.cli.main import app
from duecourse.cli.settings import Settings
from duecourse.rules.model import Pack, Rule
from duecourse.rules.packs import shipped_packs
from duecourse.rules.wording import PRIMITIVES, applies_in_words, primitive_in_words
from duecourse.rules.words import RULES

REFERENCE = Path(__file__).resolve().parent / "reference"
NOTICE = "<!-- Written by docs/generate.py from the code; edit the code, then run: make docs -->\n"


def main() -> int:
    """Write or, with --check, compare. Returns the exit code."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"docs/reference/{_inside(path)} is out of date; run: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(pages()[path], "utf-8")
        print(f"wrote docs/reference/{_inside(path)}")
    return 0


def _inside(path: Path) -> str:
    return path.relative_to(REFERENCE).as_posix()


def pages() -> dict[Path, str]:
    """Every generated page with the text it should have."""
    writers: Mapping[str, Callable[[], Iterator[str]]] = {
        "commands.md": commands_page,
        "settings.md": settings_page,
        "rules.md": rules_page,
        **{f"rules/{pack.pack}.md": partial(pack_page, pack) for pack in shipped_packs()},
    }
    return {REFERENCE / name: NOTICE + "\n".join(writer()) + "\n" for name, writer in writers.items()}


def commands() -> Iterator[tuple[str, Any]]:
    """(full name, command) of the program and of everything under it, in the order of --help."""
    yield from _walk("duecourse", typer.main.get_command(app))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, under in getattr(command, "commands", {}).items():
        if not under.hidden:
            yield from _walk(f"{name} {word}", under)


def commands_page() -> Iterator[str]:
    """One section per command: what it does, its arguments and its options."""
    yield "# Commands\n"
    yield (
        "Every command has `--help`. Exit codes: 0 done; 1 the input or the state is at fault; 2 misuse of\n"
        "the command; 3 a part outside failed; 130 interrupted, and what was committed stays.\n"
    )
    for name, command in commands():
        under = getattr(command, "commands", {})
        yield f"## `{name}`\n"
        yield f"{_prose(command.help or '')}\n"
        if under:
            yield "".join(
                f"- [`{name} {word}`](#{_anchor(f'{name} {word}')}): {_first_sentence(each.help or '')}\n"
                for word, each in under.items()
                if not each.hidden
            )
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        arguments = [p for p in shown if p.param_type_name == "argument"]
        options = [p for p in shown if p.param_type_name == "option"]
        if arguments or not under:
            words = "".join(f" {_placeholder(p)}" for p in arguments)
            yield f"```\n{name}{' [OPTIONS]' if options else ''}{words}\n```\n"
        if shown:
            yield "| | | default | what it does |\n|---|---|---|---|"
            hints = get_type_hints(command.callback) if command.callback else {}
            yield "\n".join(_parameter(p, hints.get(p.name, str)) for p in (*arguments, *options)) + "\n"


def _parameter(parameter: Any, annotation: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{_placeholder(parameter)}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    is_flag = getattr(parameter, "is_flag", False)
    kind = "" if is_flag else _kind(parameter, annotation)
    if kind == names:  # an argument's placeholder, said already
        kind = ""
    default = "required" if parameter.required else "" if is_flag else _value(parameter.default)
    return f"| {names} | {kind} | {default} | {_cell(getattr(parameter, 'help', '') or '')} |"


def _placeholder(parameter: Any) -> str:
    word = (parameter.metavar or parameter.name).upper().strip("[]")
    if parameter.nargs == -1:
        word += "..."
    return word if parameter.required else f"[{word}]"


def _kind(parameter: Any, annotation: Any) -> str:
    """What to write after an option: its metavar, its choices, or the kind of thing it is."""
    if parameter.metavar:
        return f"`{parameter.metavar}`"
    given = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    if isinstance(given[0], type) and issubclass(given[0], Enum):
        return ", ".join(f"`{member.value}`" for member in given[0])
    return {str: "text", int: "integer", float: "number", Path: "path"}.get(given[0], "text")


def settings_page() -> Iterator[str]:
    """One row per setting."""
    yield "# Settings\n"
    yield (
        "Read from the environment when a command starts. What an installation keeps between commands (its\n"
        "key ring, its providers) are files in `DUECOURSE_HOME`.\n"
    )
    yield "| variable | default | what it is |\n|---|---|---|"
    prefix = Settings.model_config.get("env_prefix", "")
    for name, field in Settings.model_fields.items():
        bounds = _bounds(field)
        about = _cell(field.description or "") + (f" {bounds}" if bounds else "")
        yield f"| `{prefix.upper()}{name.upper()}` | {_setting_default(field)} | {about} |"


def _setting_default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        about = inspect.getdoc(field.default_factory) or ""
        return _cell(about.partition(": ")[2] or about).rstrip(".") or "of the machine"
    return _value(field.default)


def _bounds(field: FieldInfo) -> str:
    low = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    return f"From {low} to {high}." if low is not None and high is not None else ""


def rules_page() -> Iterator[str]:
    """The table by jurisdiction, and the rules that stand in no pack."""
    yield "# Rules\n"
    yield (
        "A verdict names the rule that withheld a message or put it off. The id is stored; the words are\n"
        "only shown. What the levels mean, who is bound and how a lender changes a rule:\n"
        "[packs and levels](../explanation/rule-packs.md).\n"
    )
    yield "## By jurisdiction\n"
    yield "| where | rule | | what it says | level | since | source |\n|---|---|---|---|---|---|---|"
    for pack in sorted(shipped_packs(), key=lambda pack: ("*" in pack.regions, pack.names.en)):
        for rule in pack.rules:
            where = rule.region or ("everywhere" if "*" in pack.regions else pack.regions[0])
            link = f"[{rule.id}](rules/{pack.pack}.md#{rule.id.lower()})"
            kind = f"{rule.does.primitive} {PRIMITIVES[rule.does.primitive].en}"
            cells = (where, link, kind, rule.says.en, _level(rule), _dates(rule), _source(rule))
            yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield "\n## Rules of the book\n"
    yield "These stand in no pack: facts of the lender's book, choices of its policy, and the state of things.\n"
    yield "| id | level | in English | 中文 |\n|---|---|---|---|"
    for name, words in RULES.items():
        yield f"| `{name}` | {words.level} | {_cell(words.en)} | {_cell(words.zh)} |"


def pack_page(pack: Pack) -> Iterator[str]:
    """One section per rule of a pack: what it says, what it looks at, its parameters, its source."""
    yield f"# {pack.names.en} · {pack.names.zh}\n"
    regions = "everywhere" if "*" in pack.regions else ", ".join(pack.regions)
    yield f"Pack `{pack.pack}`, version {pack.version}. Regions: {regions}. [All rules](../rules.md)\n"
    for rule in pack.rules:
        words, applies = primitive_in_words(rule.does), applies_in_words(rule.applies_to)
        about = {
            "fact": f"part of {rule.fact}" if rule.fact else "",
            "where": " except ".join(filter(None, (rule.region or "", ", ".join(rule.except_regions)))),
            "looks at": f"{applies.en} · {applies.zh}",
            f"{rule.does.primitive} {PRIMITIVES[rule.does.primitive].en}": f"{words.en} · {words.zh}",
            "level": _level(rule),
            "in force": _dates(rule),
            "source": f"{_source(rule)}; read on {rule.source.read_on}",
            "note": rule.source.note,
        }
        yield f"## {rule.id}\n"
        yield f"{rule.says.en}\n\n{rule.says.zh}\n"
        yield "| | |\n|---|---|"
        yield "\n".join(f"| {key} | {_cell(value)} |" for key, value in about.items() if value) + "\n"


def _level(rule: Rule) -> str:
    parts = [str(rule.level)]
    if rule.status != "in-force" and rule.status != rule.level:
        parts.append(str(rule.status))
    if not rule.binding:
        parts.append("soft")
    if rule.fallback:
        parts.append("steps back")
    return ", ".join(parts)


def _dates(rule: Rule) -> str:
    if rule.effective_to:
        return f"{rule.effective_from or ''} to {rule.effective_to}".strip()
    return f"{rule.effective_from or ''}"


def _source(rule: Rule) -> str:
    return ", ".join(filter(None, (rule.source.instrument, rule.source.clause)))


def _prose(text: str) -> str:
    """A command's help as Markdown: paragraphs stay, examples become code."""
    lines: list[str] = []
    inside = False
    for line in inspect.cleandoc(text.partition("\f")[0].replace("\b", "")).splitlines():
        if example := re.match(r"(Examples?:) +(duecourse .*)", line):
            each = (f"`{command.strip()}`" for command in re.split(r" +or +|; (?=duecourse )", example[2]))
            line = f"{example[1]} {' or '.join(each)}"
        shell = line.strip().startswith(("duecourse ", "$ ")) or (inside and line.startswith("    "))
        if shell != inside:
            lines.append("```" if inside else "\n```sh")
            inside = shell
        lines.append(line.strip() if shell else line)
    if inside:
        lines.append("```")
    return "\n".join(lines).strip()


def _first_sentence(text: str) -> str:
    paragraph = inspect.cleandoc(text).partition("\n\n")[0].replace("\n", " ")
    return paragraph.partition(". ")[0].rstrip(".") + "."


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _plain(value: object) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)


def _value(value: object) -> str:
    if value is None or value is PydanticUndefined or value == "" or value == [] or value == ():
        return ""
    if callable(value) or isinstance(value, SecretStr):
        return "of the machine"
    return f"`{_plain(value)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
