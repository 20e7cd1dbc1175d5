"""What doctor asks of the service search: is there a catalogue, and does Elasticsearch answer where it is set."""

from collections.abc import Iterator

from commands.doctor_house import Verdict, bad, good, without_password
from settings import Settings
from store import database, services
from workers import searching


def rows(settings: Settings) -> Iterator[Verdict]:
    with database.reading() as session:
        count, _ = services.state(session)
    if count:
        yield good("search", f"the embedded index of {count} services")
    else:
        mend = "flask services import FILE, or the console's People, Services."
        yield bad("search", "the catalogue of services is empty", mend, "warn")
    if settings.elasticsearch_url:
        trouble = searching.trouble(settings.elasticsearch_url)
        mend = "Look at ELASTICSEARCH_URL, and whether this host may connect; or take it out: nothing else needs it."
        if trouble:
            yield bad("elasticsearch", trouble, mend, "warn")
        else:
            yield good("elasticsearch", f"{without_password(settings.elasticsearch_url)} answers")
