"""Runs `flask …` commands one after the other in one process: a start costs a second, and tests call hundreds.
A line of JSON in (the words), a line of JSON out (exit code, stdout, stderr)."""

import json
import os
import sys
import traceback

os.environ["FLASK_RUN_FROM_CLI"] = "true"

from app import create_app  # noqa: E402 (Flask's own sign that this is the shell comes first)


def main() -> None:
    runner = create_app().test_cli_runner()
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        done = runner.invoke(args=json.loads(line))
        errors = done.stderr
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            errors += "".join(traceback.format_exception(done.exception))
        print(json.dumps([done.exit_code, done.stdout, errors]), file=answers, flush=True)


if __name__ == "__main__":
    main()
