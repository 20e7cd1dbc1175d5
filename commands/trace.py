"""flask trace: why a customer got a text."""

import click
from flask.cli import with_appcontext

from commands.printing import as_json, fail, show
from store import answers, database, deliveries


@click.command("trace")
@click.argument("delivery", type=int)
@as_json
@with_appcontext
def command(delivery: int, as_json: bool) -> None:
    """Why this customer got this text: inputs as received and as read, every value, the sheet's row."""
    with database.reading() as session:
        row = deliveries.get(session, delivery)
        answer = answers.get(session, row.answer_id) if row and row.answer_id else None
        if row is None:
            fail(f"There is no delivery {delivery}.")
        if answer is None:
            fail(f"Delivery {delivery} was not computed by a module.")
        if answer.state == answers.EMPTIED:
            fail(f"The content of delivery {delivery} is no longer kept.")
        found = answer.answer_trace
    words = [f"{found['module']} version {found['version']}"]
    words += [f"  {key} = {one['read']!r}  (received {one['received']!r})" for key, one in found["inputs"].items()]
    words += [f"  {one['name']} = {one['result']!r}  ({one['expression']})" for one in found["values"]]
    show(found, as_json, "\n".join(words))
