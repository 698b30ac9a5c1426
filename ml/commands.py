"""`nexus train`, `nexus score`, `nexus drift`: a model by hand; `nexus build` does the same as part of a build."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nexus.settings import get_settings

Model = Annotated[str, typer.Argument(help="a folder of ml/models, such as churn")]
Workspace = Annotated[str | None, typer.Option("--workspace", "-w")]
Version = Annotated[str | None, typer.Option(help="a published warehouse version; default: the newest")]


def register(app: typer.Typer) -> None:
    @app.command()
    def train(
        model: Model = "churn",
        workspace: Workspace = None,
        version: Version = None,
        force: Annotated[bool, typer.Option(help="even if nothing has changed since the last training")] = False,
        show_card: Annotated[bool, typer.Option("--card", help="print the model card")] = False,
    ) -> None:
        """Train a model on a published version, compare it with its baseline, register and appoint it."""
        settings, workspace = _where(workspace)
        part = _part(model, "train")
        console = _console()
        with console.status(f"training {model} for {workspace}"):
            made = part.train(settings, workspace, version, force=force)
        if not made.fresh:
            console.print(
                f"{made.model}: trained on these very data already; {_who(made)} answers. --force trains again."
            )
            return
        console.print(f"{made.model} on {made.warehouse_version}: versions {_versions(made)}; {_who(made)} answers.")
        comparison = made.evaluation.comparison
        for measure, value in comparison.difference.items():
            console.print(
                f"  {measure:6} trees {comparison.model[measure].value:.4f}  baseline "
                f"{comparison.baseline[measure].value:.4f}  difference {value.value:+.4f} "
                f"({value.low:+.4f} to {value.high:+.4f})"
            )
        if show_card:
            typer.echo(made.card)

    @app.command()
    def score(
        model: Model = "churn",
        workspace: Workspace = None,
        version: Version = None,
        land: Annotated[bool, typer.Option(help="land the scores, so that the next build shows them")] = True,
    ) -> None:
        """Score every current customer; the file is landed like any other source's."""
        import subprocess
        import sys

        settings, workspace = _where(workspace)
        console = _console()
        with console.status(f"scoring {workspace}"):
            made = _part(model, "predict").score(settings, workspace, version)
        console.print(
            f"{made.rows:,} customers scored by {made.model} version {made.model_version} ({made.role}) as of "
            f"{made.as_of_date}{', as before' if made.already else ''}: {made.path}"
        )
        if land:
            # the source belongs to a layer above this one, so landing is asked for as a person would
            arguments = ["ingest", "nexus", str(made.path), "--workspace", workspace]
            raise typer.Exit(subprocess.run([sys.executable, "-m", "nexus", *arguments], check=False).returncode)

    @app.command()
    def drift(model: Model = "churn", workspace: Workspace = None, version: Version = None) -> None:
        """Compare the newest features with those the model learned from. Exit code 1 if too many have drifted."""
        from ml.lib.drift import report

        settings, workspace = _where(workspace)
        console = _console()
        with console.status(f"comparing features of {workspace}"):
            made = report(settings, workspace, version, model)
        console.print(f"{made.verdict.message}\n{made.html}")
        if not made.verdict.passed:
            raise typer.Exit(1)


def _where(workspace: str | None) -> tuple[Any, str]:
    from nexus.ids import workspace_slug

    settings = get_settings()
    return settings, workspace_slug(workspace or settings.workspace)


def _part(model: str, part: str) -> Any:
    from ml.lib.spec import module

    return module(model, part)


def _console() -> Any:
    from nexus.progress import console

    return console()


def _versions(made: Any) -> str:
    return ", ".join(f"{number} ({kind})" for kind, number in made.versions.items())


def _who(made: Any) -> str:
    return "the champion" if made.role == "champion" else "the baseline (nothing has beaten it)"
