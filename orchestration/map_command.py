"""`nexus map`: a table that nobody has described becomes a mapping, guessed, shown, confirmed and tried.

Belongs here: arguments, what is shown, and asking the person. Does not belong here: guessing (sources/tabular/guess).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nexus.errors import ConflictError, InputError, NotFoundError

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.sources.tabular.guess.draft import Draft
    from orchestration.sources.tabular.guess.trial import Trial

_HELP = "COLUMN=FIELD · COLUMN= keeps it without a meaning · FIELD:=VALUE for every row · COLUMN@FORMAT · q to quit"


def register(app: typer.Typer) -> None:
    app.command("map")(map_table)


def map_table(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Parquet or JSON lines, also .gz or .zst")],
    fact: Annotated[
        str | None, typer.Option("--fact", help="what the rows are: payment, login, … (else guessed)")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="YAML to write (else NAME.yml here)")] = None,
    name: Annotated[str | None, typer.Option(help="name of the mapping (else that of the file)")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="COLUMN=FIELD, FIELD:=VALUE or COLUMN@FORMAT; may be repeated")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="IANA zone of times that name none, such as Europe/Berlin")] = None,
    encoding: Annotated[str | None, typer.Option(help="encoding of the text (else guessed)")] = None,
    delimiter: Annotated[str | None, typer.Option(help="sign between fields (else guessed)")] = None,
    rows: Annotated[int, typer.Option(min=1, help="how many rows are looked at and tried")] = 1000,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="take the guess and the changes without asking")] = False,
    force: Annotated[bool, typer.Option("--force", help="replace the YAML if there is one")] = False,
) -> None:
    """Guess how a table is to be read, confirm it, and write the mapping for `nexus ingest tabular`."""
    import yaml
    from rich.console import Console

    from nexus.settings import get_settings
    from orchestration.sources.tabular.guess.trial import attempt
    from orchestration.sources.tabular.mapping import load

    console = Console(highlight=False)
    made = _guess(path, name or _stem(path), fact, zone, encoding, delimiter, rows)
    for text in change or ():
        made.change(text)
    target = out or Path(f"{made.name}.yml")
    if not target.parent.is_dir():
        raise NotFoundError(f"there is no folder {target.parent}", remedy="make it, or name another place with --out")
    if target.exists() and not force:
        raise ConflictError(f"{target} exists already", remedy="replace it with --force, or name another with --out")
    _show(console, path, made)
    if not yes:
        _ask(console, path, made)
    if lacking := made.missing():
        raise InputError(
            f"{path.name}: nothing fills {', '.join(lacking)}, which every {made.table.name} must have",
            remedy=" ".join(f"--set COLUMN={n} or --set {n}:=VALUE" for n in lacking[:1]),
        )
    text = f"# {path.name}, as `nexus map` understood it and a person confirmed it.\n"
    text += yaml.safe_dump(made.document(), sort_keys=False, allow_unicode=True, width=110)
    scratch = target.with_name(f".{target.name}.new")
    scratch.write_text(text, encoding="utf-8")
    try:
        trial = attempt(load(str(scratch)), path, rows, get_settings())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    _show_trial(console, trial)
    console.print(f"written: {target}\nland it:  nexus ingest tabular {path} --mapping {target}", soft_wrap=True)


def _stem(path: Path) -> str:
    from warehouse.land.files import bare_name

    return Path(bare_name(path)).stem


def _guess(
    path: Path, name: str, fact: str | None, zone: str | None, encoding: str | None, delimiter: str | None, rows: int
) -> Draft:
    from orchestration.sources.tabular.contract import SOURCE
    from orchestration.sources.tabular.guess.columns import nulls_of, profile
    from orchestration.sources.tabular.guess.dialect import sniff
    from orchestration.sources.tabular.guess.draft import draft
    from orchestration.sources.tabular.guess.trial import sample

    if not path.is_file():
        raise NotFoundError(f"there is no file {path}", remedy="check the path; a folder is mapped by one of its files")
    known = [table.name for table in SOURCE.tables]
    if fact is not None and fact not in known:
        raise InputError(f"{fact!r} is no canonical fact", remedy=f"there are {', '.join(known)}")
    found = sniff(path, encoding, _unescaped(delimiter))
    read, fault = sample(path, found, rows)
    if not read:
        why = "; ".join([*found.doubts, *([fault] if fault else [])])
        raise InputError(
            f"{path.name}: not one row can be read" + (f" ({why})" if why else ""),
            remedy="say how it is written with --encoding or --delimiter, or mend what stands above the table",
        )
    nulls = nulls_of(read)
    profiles, style = profile(read, nulls)
    return draft(profiles, style, found, name, nulls=nulls, zone=zone, fact=fact)


def _unescaped(delimiter: str | None) -> str | None:
    return "\t" if delimiter in ("\\t", "tab") else delimiter


def _ask(console: Console, path: Path, made: Draft) -> None:
    """Changes until the person takes it: an empty line accepts."""
    console.print(f"[dim]{_HELP}[/dim]")
    while True:
        try:
            text = typer.prompt("change, or Enter to accept", default="", show_default=False)
        except typer.Abort:
            raise InputError(
                "nobody is there to confirm the guess", remedy="take it with --yes, change it with --set"
            ) from None
        if text.strip() in ("q", "quit"):
            raise typer.Exit(1)
        if not text.strip():
            if not made.missing():
                return
            console.print(f"still open: {', '.join(made.missing())}", style="yellow")
            continue
        try:
            made.change(text)
        except InputError as error:
            console.print(str(error), style="yellow", markup=False)
            continue
        _show(console, path, made)


def _show(console: Console, path: Path, made: Draft) -> None:
    from rich.table import Table

    dialect = made.found.dialect
    said = [f"read as {made.found.reader}"]
    if dialect.delimiter:
        said.append(f"delimiter {dialect.delimiter!r}")
    said.append(f"encoding {dialect.encoding or 'utf-8'}")
    said.append(
        f"decimal {made.style.decimal!r}" + (f", thousands {made.style.thousands!r}" if made.style.thousands else "")
    )
    said.append(f"zone {made.zone or 'UTC'}")
    console.print(f"{path.name}: {' · '.join(said)}", markup=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("column", "values", "type", f"field of {made.table.name}"):
        table.add_column(heading, overflow="fold")
    for name, column in made.profiles.items():
        examples = ", ".join(value[:24] for value in list(dict.fromkeys(column.values))[:3])
        table.add_row(*map(_plain, (name, examples, column.kind, _told(made, name))))
    console.print(table)
    for field, origin in made.origins.items():
        if isinstance(origin, dict) and ("constant" in origin or "multiply" in origin):
            value = origin.get("constant") or " × ".join(origin["multiply"])
            console.print(
                f"{field} is {value} for every row" if "constant" in origin else f"{field} is {value}", markup=False
            )
    if made.identity:
        console.print(f"repeats are known by {made.identity}", markup=False)
    for doubt in made.doubts:
        console.print(f"? {doubt}", style="yellow", markup=False, soft_wrap=True)


def _told(made: Draft, column: str) -> str:
    field = made.origin_of(column)
    origin: Any = made.origins.get(field or "")
    if field is None:
        return "(kept)"
    more = [str(origin[key]) for key in ("format", "form") if isinstance(origin, dict) and key in origin]
    if isinstance(origin, dict) and "case" in origin:
        more += [f"{given} → {canonical}" for given, canonical in list(origin["case"].items())[:4]]
    return field + (f"  ({', '.join(more)})" if more else "")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text.replace("\n", "⏎"))


def _show_trial(console: Console, trial: Trial) -> None:
    landing = ", ".join(f"{count:,} as {fact}" for fact, count in trial.landing.items())
    console.print(f"tried on the first {trial.rows:,} rows: {landing} would land, {trial.refused:,} would not")
    for reason, count, line in trial.reasons[:10]:
        console.print(f"  {count:,} × {reason} (first in line {line:,})", markup=False, soft_wrap=True)
    if len(trial.reasons) > 10:
        console.print(f"  and {len(trial.reasons) - 10} reasons more")
