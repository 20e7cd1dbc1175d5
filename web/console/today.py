"""Today: what came in, what went out, what is stuck."""

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.console.frame import console, page


@console.get("/")
def home() -> AnyResponse:
    return redirect(url_for("console.today"))


@console.get("/today")
def today() -> Response:
    return page("today.html")


@console.get("/account")
def account() -> Response:
    return page("today.html")
