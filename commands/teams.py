"""flask teams: the employees' teams."""

from flask.cli import AppGroup

from commands.printing import as_json, show_rows
from store import database, people

command = AppGroup("teams", help="The employees' teams.")


@command.command("list")
@as_json
def list_teams(as_json: bool) -> None:
    """All teams, how many people each has, and its room where it has one (`/팀 방`)."""
    with database.reading() as session:
        rows = [
            {
                "team": name,
                "people": count,
                "channel": room.channel if room else "",
                "chat": room.chat if room else "",
            }
            for name, count, room in people.teams(session)
        ]
    show_rows(rows, as_json, "No teams yet: the column 'team' of flask people import makes them.")
