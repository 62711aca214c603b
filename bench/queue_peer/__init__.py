"""What a team would write instead: a Celery worker on Redis that reads, checks, sends and writes by an ORM."""
