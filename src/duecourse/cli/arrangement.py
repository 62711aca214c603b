"""`duecourse arrangement`: what is agreed with borrowers who cannot pay as the contract says."""

from __future__ import annotations

import typer

arrangement_app = typer.Typer(
    help="What is agreed with borrowers who cannot pay as the contract says.", no_args_is_help=True
)
