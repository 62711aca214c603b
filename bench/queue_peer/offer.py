"""The team's schedule: a task for each planned message."""

from __future__ import annotations

import os

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from .team import Message, app, deliver


def main() -> None:
    """Ids in one query, published over one connection."""
    engine = create_engine(os.environ["TEAM_DATABASE"])
    with Session(engine) as session, app.pool.acquire(block=True) as connection:
        producer = connection.Producer(auto_declare=False)
        due = select(Message.lane, Message.message_id).where(Message.state == "planned")
        for lane, message_id in session.execute(due):
            deliver.apply_async((lane, str(message_id)), producer=producer)


if __name__ == "__main__":
    main()
