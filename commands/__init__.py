"""`flask …`: a file per noun. A noun's file is imported when it is called, so no web process loads them."""

import importlib

import click
from flask import Flask
from flask.cli import AppGroup

NOUNS = (
    *("alerts", "backup", "bots", "clock", "customers", "db", "deliveries", "doctor", "errand", "events", "hooks"),
    *("members", "people", "relay", "responses", "restore", "services", "setup", "staff", "subscribers", "tables"),
    *("teams", "topics", "trace", "watches", "worker"),
)


class Nouns(AppGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        command: click.Command = importlib.import_module(f"commands.{cmd_name}").command
        return command


def register(app: Flask) -> None:
    app.cli = Nouns(app.name)
