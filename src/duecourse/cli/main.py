"""`duecourse`: the command line.

Exit codes: 0 done, 1 the input or state is at fault, 2 misuse, 3 a part outside failed, 130 interrupted.
"""

from __future__ import annotations

import sys

import psycopg
import typer
from rich.console import Console

from duecourse.domain.problems import DuecourseError, Problem

from .api_key import app as api_key_app
from .arrangement import arrangement_app
from .audit import audit
from .batch import app as batch_app
from .batch import correct
from .book import app as book_app
from .brake import resume, stop
from .carrier import app as carrier_app
from .cash import buckets, cash
from .certificate import app as certificate_app
from .consent import app as consent_app
from .contact import app as contact_app
from .contact_point import app as contact_point_app
from .context import close_context
from .demo.week import demo
from .differences import differences
from .due_days import allot, move_due_day, pause, recompute_dates
from .event import app as event_app
from .gateway import app as gateway_app
from .hold import app as hold_app
from .inbox import app as inbox_app
from .init import init
from .judge import explain, judge
from .keys import app as keys_app
from .letter import app as letter_app
from .link import app as link_app
from .logs import write_logs
from .merge import merge
from .notice import app as notice_app
from .payment import app as payment_app
from .permit import app as permit_app
from .plan import plan
from .policy import app as policy_app
from .preference import app as preference_app
from .provider import app as provider_app
from .quote import quote
from .registration import app as registration_app
from .replay import run
from .response import app as response_app
from .retention import app as retention_app
from .rules import app as rules_app
from .sandbox import sandbox
from .schedule import schedule
from .screen import print_problems
from .serve import serve
from .show import borrower_app, message_app
from .status import status
from .suppression import app as suppression_app
from .task import app as task_app
from .template import app as template_app
from .understanding import evaluate, try_
from .wechat import app as wechat_app
from .words import say
from .work import work

app = typer.Typer(
    name="duecourse",
    help="Reminds borrowers before an installment is due, within the law, and can prove every contact.\n\n"
    "First steps: duecourse demo; then duecourse init, book import, policy publish, plan --dry-run, work.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(init)
for command in (cash, buckets, allot, move_due_day, recompute_dates, pause):
    book_app.command(command.__name__.replace("_", "-"))(command)
book_app.command()(differences)
app.add_typer(book_app, name="book")
app.add_typer(payment_app, name="payment")
app.add_typer(event_app, name="event")
app.add_typer(policy_app, name="policy")
app.add_typer(template_app, name="template")
app.command()(schedule)
rules_app.command()(judge)
rules_app.command()(explain)
app.add_typer(rules_app, name="rules")
app.command()(audit)
app.command()(plan)
app.command()(work)
app.command()(serve)
app.add_typer(api_key_app, name="api-key")
app.command()(run)
app.command()(stop)
app.command()(resume)
app.add_typer(batch_app, name="batch")
app.command()(correct)
app.command()(status)
borrower_app.command("merge")(merge)
app.add_typer(borrower_app, name="borrower")
app.add_typer(contact_point_app, name="contact-point")
app.add_typer(message_app, name="message")
app.add_typer(consent_app, name="consent")
app.add_typer(hold_app, name="hold")
app.add_typer(preference_app, name="preference")
app.add_typer(suppression_app, name="suppression")
app.add_typer(contact_app, name="contact")
app.add_typer(notice_app, name="notice")
app.add_typer(provider_app, name="provider")
app.add_typer(gateway_app, name="gateway")
app.add_typer(registration_app, name="registration")
app.add_typer(carrier_app, name="carrier")
app.add_typer(permit_app, name="permit")
app.add_typer(inbox_app, name="inbox")
app.add_typer(task_app, name="task")
response_app.command()(evaluate)
response_app.command("try")(try_)
app.add_typer(response_app, name="response")
arrangement_app.command("quote")(quote)
app.add_typer(arrangement_app, name="arrangement")
app.add_typer(retention_app, name="retention")
app.add_typer(keys_app, name="keys")
app.add_typer(letter_app, name="letter")
app.add_typer(wechat_app, name="wechat")
app.add_typer(link_app, name="link")
app.add_typer(certificate_app, name="certificate")
app.command()(sandbox)
app.command()(demo)


def main() -> None:
    """Run the command line; every fault a person can mend ends as one line and an exit code."""
    write_logs()
    code: str | int | None = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except DuecourseError as error:
        print_problems(Console(stderr=True), error)
        code = error.exit_code
    except psycopg.OperationalError as error:
        # Only the kind: the text of such an error may hold an address or a value.
        problem = Problem("D016", "database", f"it went away or refused to go on ({type(error).__name__})")
        print_problems(Console(stderr=True), DuecourseError(problem))
        code = 3
    except KeyboardInterrupt:
        Console(stderr=True).print(say("interrupted; what was committed stays"))
        code = 130
    finally:
        close_context()
    sys.exit(code)


if __name__ == "__main__":
    main()
