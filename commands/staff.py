"""flask staff: console accounts."""

import re

import click
from flask.cli import AppGroup

import clock
from commands.printing import as_json, fail, local, show, show_rows
from store import audit, companies, database, logins, staff

command = AppGroup("staff", help="Console accounts.")


@command.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(staff.ROLES), required=True)
@click.option("--company", default="", help="They look after this company's bots, and see nothing else.")
@as_json
def add(email: str, role: str, company: str, as_json: bool) -> None:
    """Make an account; its first password is shown once."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise click.UsageError(f"{email!r} is no e-mail address")
    with database.writing() as session:
        if staff.find(session, email):
            fail(f"{email} has an account already.")
        if company and not companies.exists(session, company):
            fail(f"There is no company {company}: flask bots company {company}")
        password = staff.add(session, email, role, clock.now(), company=company)
        added = {"role": role} | ({"company": company} if company else {})
        audit.note(session, clock.now(), "flask staff add", "staff.joined", f"staff:{staff.normal(email)}", None, added)
    show({"email": email, "role": role, "password": password}, as_json, f"{email} ({role}), password: {password}")


@command.command("password")
@click.argument("email")
@as_json
def password(email: str, as_json: bool) -> None:
    """Give an account a new password, shown once. Whoever is logged in with it is logged out, its second factor is
    taken away."""
    fresh = staff.new_password()
    hashed = staff.hashed_password(fresh)
    with database.writing() as session:
        account = staff.find(session, email)
        if account is None:
            fail(f"{email} has no account.")
        logins.admit_with(session, account, hashed)
        audit.note(session, clock.now(), "flask staff password", "staff.password_set", f"staff:{account.email}")
    show({"email": email, "password": fresh}, as_json, f"{email}, password: {fresh}")


@command.command("list")
@as_json
def list_staff(as_json: bool) -> None:
    """All accounts."""
    with database.reading() as session:
        rows = [{"email": one.email, "role": one.role, "added": local(one.added_at)} for one in staff.listed(session)]
    show_rows(rows, as_json, "No accounts yet.")
